import NIOHTTP1
import Testing

@testable import PicoServer

@Suite struct AdminPolicyTests {
  static let policy = AdminPolicy(allowedOrigins: ["https://console.example"], allowedHosts: ["pico.example"])

  static func status(_ request: AdminRequest, policy: AdminPolicy = policy) -> UInt {
    switch policy.decide(request) {
    case .serve: 200
    case .refuse(let response): response.status.code
    }
  }

  @Test(arguments: [("/health", .health), ("/ready", .ready), ("/metrics", .metrics), ("/status/v1", .status)] as [(String, AdminRoute)])
  func `each path has its route`(path: String, route: AdminRoute) {
    #expect(Self.policy.decide(AdminRequest(method: .GET, path: path)) == .serve(route))
    #expect(Self.policy.decide(AdminRequest(method: .HEAD, path: path)) == .serve(route))
  }

  @Test(arguments: ["/", "", "/status", "/status/v2", "/status/v1/", "/metrics/", "/HEALTH", "//health", "/pico/v1/ready", "*"])
  func `any other path is not found`(path: String) {
    #expect(Self.status(AdminRequest(method: .GET, path: path)) == 404)
  }

  @Test(arguments: [HTTPMethod.POST, .PUT, .DELETE, .OPTIONS, .PATCH, .TRACE, .RAW(value: "BREW")])
  func `a method besides GET and HEAD is answered with those that are allowed`(method: HTTPMethod) {
    guard case .refuse(let response) = Self.policy.decide(AdminRequest(method: method, path: "/metrics")) else {
      Issue.record("served")
      return
    }
    #expect(response.status == .methodNotAllowed)
    #expect(response.allow == "GET, HEAD")
    #expect(response.errorCode == "method-not-allowed")
  }

  @Test(arguments: [
    "localhost", "LocalHost:8081", "127.0.0.1", "127.0.0.1:8081", "[::1]", "[::1]:8081", "10.1.2.3:80", "pico.example", "PICO.example:1",
  ])
  func `an address, localhost and a listed name are hosts of ours`(host: String) {
    #expect(Self.status(AdminRequest(method: .GET, path: "/status/v1", hosts: [host])) == 200)
  }

  @Test(arguments: [
    "", "evil.example", "pico.example.evil", "evil.pico.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "[evil]",
    "[127.0.0.1]", "localhost:", "localhost:x", "localhost:80:80", "::1", "localhost@evil", "localhost:99999", "loc\u{212A}lhost",
  ])
  func `another host is refused, but for probes`(host: String) {
    #expect(Self.status(AdminRequest(method: .GET, path: "/status/v1", hosts: [host])) == 403)
    #expect(Self.status(AdminRequest(method: .GET, path: "/metrics", hosts: [host])) == 403)
    #expect(Self.status(AdminRequest(method: .GET, path: "/unknown", hosts: [host])) == 403)
    #expect(Self.status(AdminRequest(method: .GET, path: "/health", hosts: [host])) == 200)
    #expect(Self.status(AdminRequest(method: .GET, path: "/ready", hosts: [host])) == 200)
  }

  @Test(
    arguments: [
      ([], 200), (["https://console.example"], 200), (["https://console.example.evil"], 403), (["http://console.example"], 403),
      (["null"], 403), ([""], 403), (["http://localhost:8081"], 403), (["https://console.example", "https://evil.example"], 403),
    ] as [([String], UInt)])
  func `an origin must be listed`(origins: [String], status: UInt) {
    #expect(Self.status(AdminRequest(method: .GET, path: "/metrics", origins: origins)) == status)
  }

  @Test func `one host is needed, but for HTTP 1.0`() {
    #expect(Self.status(AdminRequest(method: .GET, path: "/health", hosts: [])) == 400)
    #expect(Self.status(AdminRequest(method: .GET, path: "/health", hosts: ["localhost", "localhost"])) == 400)
    #expect(Self.status(AdminRequest(method: .GET, path: "/metrics", version: .http1_0, hosts: [])) == 200)
  }

  @Test(arguments: [("/health", 200), ("/ready", 200), ("/metrics", 404), ("/status/v1", 404)] as [(String, UInt)])
  func `a probe port has probes and nothing else`(path: String, status: UInt) {
    #expect(Self.status(AdminRequest(method: .GET, path: path), policy: AdminPolicy(probesOnly: true)) == status)
  }

  @Test func `the reason for not being ready is in the body and in the code`() {
    let response = AdminResponse(readiness: .notReady(reason: "shutting \"down\"\n"))
    #expect(response.status == .serviceUnavailable)
    #expect(String(decoding: response.body, as: UTF8.self) == "{\"error\":\"shutting down\"}\n")
    #expect(response.errorCode == "shutting-down")
  }
}
