import NIOHTTP1
import PicoCore
import PicoStatus
import Support
import Testing

@testable import PicoServer

/// Which requests may act, from their heads alone.
@Suite struct AdminActionPolicyTests {
  private static let json = ["application/json"]

  @Test(
    arguments: [
      (true, false, .operator), (true, true, .viewer), (false, false, .viewer), (false, true, .viewer),
    ] as [(Bool, Bool, StatusRole)])
  func `whoever comes over loopback and through no proxy is an operator`(isLoopback: Bool, isForwarded: Bool, role: StatusRole) {
    let request = AdminRequest(method: .GET, path: "/status/v1", isForwarded: isForwarded)
    #expect(AdminPolicy(isLoopback: isLoopback).role(of: request) == role)
  }

  @Test(arguments: ["Forwarded", "forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-anything"])
  func `a field of a proxy is seen`(name: String) {
    let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: [name: ""])
    #expect(AdminRequest(head).isForwarded)
    #expect(!AdminRequest(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: ["x-\(name)": "1"])).isForwarded)
  }

  @Test(
    arguments: [
      ("/status/v1/blocks", .blocks), ("/status/v1/blocks/b-1", .block("b-1")),
      ("/status/v1/listeners/l-1/disconnect", .disconnect(listener: "l-1")),
      ("/status/v1/listeners/%20/disconnect", .disconnect(listener: "%20")), ("/status/v1/blocks/", nil), ("/status/v1/blocks/b/c", nil),
      ("/status/v1/listeners", nil), ("/status/v1/listeners/l-1", nil), ("/status/v1/listeners//disconnect", nil),
      ("/status/v1/listeners/l-1/disconnect/", nil), ("/status/v1/listeners/l/1/disconnect", nil), ("x/status/v1/blocks/b", nil),
    ] as [(String, AdminRoute?)])
  func `each path of an action has its route`(path: String, route: AdminRoute?) {
    #expect(AdminRoute(path: path) == route)
  }

  /// method, path, content types, whether it is an operator, status
  @Test(
    arguments: [
      (.POST, "/status/v1/listeners/l/disconnect", json, true, 200), (.POST, "/status/v1/listeners/l/disconnect", json, false, 403),
      (.POST, "/status/v1/listeners/l/disconnect", ["Application/JSON ; charset=utf-8"], true, 200),
      (.POST, "/status/v1/listeners/l/disconnect", [], true, 415), (.POST, "/status/v1/listeners/l/disconnect", ["text/plain"], true, 415),
      (.POST, "/status/v1/listeners/l/disconnect", ["application/jsonp"], true, 415),
      (.POST, "/status/v1/listeners/l/disconnect", ["text/plain; application/json"], true, 415),
      (.POST, "/status/v1/listeners/l/disconnect", ["application/x-www-form-urlencoded"], true, 415),
      (.POST, "/status/v1/listeners/l/disconnect", json + json, true, 415), (.POST, "/status/v1/listeners/l/disconnect", [""], true, 415),
      (.POST, "/status/v1/listeners/l/disconnect", [], false, 403), (.GET, "/status/v1/listeners/l/disconnect", json, true, 405),
      (.DELETE, "/status/v1/listeners/l/disconnect", json, true, 405), (.GET, "/status/v1/blocks", [], false, 200),
      (.GET, "/status/v1/blocks", [], true, 200), (.DELETE, "/status/v1/blocks", [], true, 405),
      (.POST, "/status/v1/blocks", json, true, 405),
      (.GET, "/status/v1/blocks/b", [], false, 200), (.HEAD, "/status/v1/blocks/b", [], false, 200),
      (.DELETE, "/status/v1/blocks/b", [], true, 200),
      (.DELETE, "/status/v1/blocks/b", [], false, 403), (.POST, "/status/v1/blocks/b", json, true, 405),
      (.PUT, "/status/v1/blocks/b", json, true, 405), (.POST, "/status/v1", json, true, 405),
    ] as [(HTTPMethod, String, [String], Bool, UInt)])
  func `method, role and content type decide`(method: HTTPMethod, path: String, types: [String], isOperator: Bool, status: UInt) {
    let request = AdminRequest(method: method, path: path, contentTypes: types)
    #expect(AdminPolicyTests.status(request, policy: AdminPolicy(isLoopback: isOperator)) == status)
    #expect(AdminPolicyTests.status(request, policy: AdminPolicy(probesOnly: true, isLoopback: true)) == 404)
  }

  @Test(arguments: [(HTTPMethod.POST, "/status/v1/listeners/l/disconnect"), (.DELETE, "/status/v1/blocks/b")])
  func `another origin acts on nothing`(method: HTTPMethod, path: String) {
    let request = AdminRequest(method: method, path: path, origins: ["http://evil.example"], contentTypes: Self.json)
    #expect(AdminPolicyTests.status(request, policy: AdminPolicy(isLoopback: true)) == 403)
    let rebound = AdminRequest(method: method, path: path, hosts: ["evil.example"], contentTypes: Self.json)
    #expect(AdminPolicyTests.status(rebound, policy: AdminPolicy(isLoopback: true)) == 403)
  }

  @Test(arguments: [
    ("/status/v1/listeners/l/disconnect", "POST"), ("/status/v1/blocks/b", "GET, HEAD, DELETE"), ("/status/v1/blocks", "GET, HEAD"),
  ])
  func `a wrong method is answered with the right ones`(path: String, allow: String) {
    guard case .refuse(let response) = AdminPolicy(isLoopback: true).decide(AdminRequest(method: .PATCH, path: path)) else {
      Issue.record("served")
      return
    }
    #expect(response.status == .methodNotAllowed && response.allow == allow)
  }

  @Test(
    arguments: [
      (nil, 200), ("not-found", 404), ("would-remove-last", 409), ("forbidden", 403), ("bad-scope", 400), ("no-identity", 409),
      ("too-many-blocks", 409),
    ] as [(String?, UInt)])
  func `a result has a status of its own`(error: String?, status: UInt) throws {
    let response = AdminResponse(ActionResult(id: "c", results: [ListenerResult(listener: "l-1", ok: error == nil, error: error)]))
    #expect(response.status.code == status && response.errorCode == error)
    let result = try ActionResult(json: response.body)
    #expect(result.error == error && result.results.first?.error == error)
  }
}

extension NodeTests {
  /// The same over the wire.
  @Suite(.timeLimit(.minutes(1))) struct AdminActionTests {
    private static let fields = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"

    private func send(_ node: RunningNode, _ start: String, _ body: String = "", fields: String = fields) async throws -> String {
      let socket = try LoopbackSocket(port: node.adminPort)
      try await socket.send("\(start) HTTP/1.1\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      return try await socket.receiveAll()
    }

    @Test func `a listener is disconnected and its block lifted over HTTP`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let id = try node.listener()
        let path = "/status/v1/listeners/\(id)/disconnect"
        let few = try await send(node, "POST \(path)", #"{"min_remaining":1}"#)
        #expect(few.hasPrefix("HTTP/1.1 409 ") && few.contains("x-pico-error: would-remove-last"), "\(few)")
        let dry = try await send(node, "POST \(path)", #"{"dry_run":true,"block_seconds":60,"scope":"endpoint"}"#)
        #expect(dry.hasPrefix("HTTP/1.1 200 ") && dry.contains(#""matched":1"#) && node.server.listenerCount == 1, "\(dry)")
        let done = try await send(node, "POST \(path)", #"{"id":"c1","mode":"now","block_seconds":60,"reason":"why","later":[{}]}"#)
        #expect(
          done.hasPrefix("HTTP/1.1 200 ") && done.contains(#""id":"c1","results":[{"listener":"\#(id)","ok":true,"remaining":0}]"#),
          "\(done)")
        #expect(node.server.listenerCount == 0)
        let again = try await send(node, "POST \(path)", #"{"id":"c1","mode":"now","block_seconds":60,"reason":"why"}"#)
        #expect(again.hasPrefix("HTTP/1.1 200 "), "\(again)")
        let gone = try await send(node, "POST \(path)")
        #expect(gone.hasPrefix("HTTP/1.1 404 ") && gone.contains(#""error":"not-found""#), "\(gone)")

        let blocks = try await send(node, "GET /status/v1/blocks")
        let json = try #require(blocks.split(separator: "\r\n\r\n").last)
        let block = try #require(try BlocksAnswer(json: Array(json.utf8)).blocks.first)
        #expect(block.reason == "why" && block.by.hasPrefix("127.0.0.1:") && block.scope == .agent)
        #expect(try await send(node, "GET /status/v1/blocks/\(block.id)").contains(#""reason":"why""#))
        #expect(try await send(node, "GET /status/v1/blocks/b-0").hasPrefix("HTTP/1.1 404 "))
        #expect(try await send(node, "DELETE /status/v1/blocks/\(block.id)").hasPrefix("HTTP/1.1 200 "))
        #expect(try await send(node, "DELETE /status/v1/blocks/\(block.id)").hasPrefix("HTTP/1.1 404 "))
      }
    }

    @Test func `through a proxy nobody is an operator`() async throws {
      try await RunningNode.with { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let answer = try await send(
          node, "POST /status/v1/listeners/\(try node.listener())/disconnect", fields: Self.fields + "X-Forwarded-For: 192.0.2.1\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 403 "), "\(answer)")
        #expect(node.server.listenerCount == 1)
      }
    }

    @Test func `on an address that others reach nobody is an operator`() async throws {
      try await RunningNode.with({ $0.admin.listen = HostPort(host: "0.0.0.0", port: 0) }) { node in
        _ = try await ScriptedAgent.connect(to: node, ScriptedAgent.ok)
        let answer = try await send(node, "POST /status/v1/listeners/\(try node.listener())/disconnect")
        #expect(answer.hasPrefix("HTTP/1.1 403 "), "\(answer)")
        #expect(node.server.listenerCount == 1)
      }
    }

    @Test(arguments: [
      ("{", ""), ("[]", ""), (#"{"mode":"later"}"#, "mode is drain or now"), (#"{"block_seconds":-1}"#, "block_seconds"),
      (#"{"block_seconds":86401}"#, "block_seconds"), (#"{"scope":"world"}"#, "scope"), (#"{"min_remaining":-1}"#, "min_remaining"),
      ("{}{}", ""), (#"{"mode":1}"#, ""),
    ])
    func `a body that cannot be read is refused with what is wrong`(body: String, part: String) async throws {
      try await RunningNode.with { node in
        let answer = try await send(node, "POST /status/v1/listeners/l-1/disconnect", body)
        #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains(#""error":"malformed request","message":"#), "\(answer)")
        #expect(answer.contains(part), "\(answer)")
      }
    }

    @Test func `requests on one connection are answered in order, with their own bodies`() async throws {
      try await RunningNode.with { node in
        let post = "POST /status/v1/listeners/l-1/disconnect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        let socket = try LoopbackSocket(port: node.adminPort)
        let bodies = (1...4).map { #"{"id":"c\#($0)"}"# }
        try await socket.send(bodies.map { "\(post)Content-Length: \($0.utf8.count)\r\n\r\n\($0)" }.joined())
        let (bytes, _) = try await socket.receive(within: 10) { String(decoding: $0, as: UTF8.self).contains(#""id":"c4""#) }
        let ids = String(decoding: bytes, as: UTF8.self).matches(of: /"id":"(c[0-9])"/).map { String($0.output.1) }
        #expect(ids == ["c1", "c2", "c3", "c4"])
      }
    }
  }
}
