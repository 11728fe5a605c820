import PicoCore
import PicoTunnel
import Support
import Testing

@testable import PicoServer

extension NodeTests {
  /// `*.auth.failure-rate`.
  @Suite(.timeLimit(.minutes(1))) struct FailureLimitTests {
    private static let burst = 5

    enum Place: CaseIterable {
      case request, dial, registration, status

      var start: String {
        switch self {
        case .request: "GET / HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n"
        case .dial: "GET /pico/v1/tcp/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)"
        case .registration: "GET /pico/v1/listener/e HTTP/1.1\r\nHost: a\r\n\(WatchClient.handshake)"
        case .status: "GET /status/v1 HTTP/1.1\r\nHost: localhost\r\n"
        }
      }

      var good: Int {
        switch self {
        case .request, .dial: 502
        case .registration: 101
        case .status: 200
        }
      }

      var key: String {
        switch self {
        case .request, .dial: "proxy.auth.failure-rate"
        case .registration: "upstream.auth.failure-rate"
        case .status: "admin.auth.failure-rate"
        }
      }
    }

    /// A failure a second, five at once.
    private func withNode(_ change: (inout ServerConfiguration) -> Void = { _ in }, _ body: (RunningNode) async throws -> Void) async throws
    {
      let keys = try MadeKeys()
      try await RunningNode.with {
        for (path, audience) in [(\ServerConfiguration.proxy.auth, "proxy"), (\.upstream.auth, "upstream"), (\.admin.auth, "admin")] {
          $0[keyPath: path].hmacSecretFiles = [keys.secretFile]
          $0[keyPath: path].audiences = [audience]
          $0[keyPath: path].failureRate = 1
        }
        change(&$0)
      } _: {
        try await body($0)
      }
    }

    private func token(_ place: Place, _ more: String = "", secret: String = MadeKeys.secret) async throws -> String {
      try await MadeKeys.token("\"aud\":\"\(place.key.prefix { $0 != "." })\",\"pico\":{\"role\":\"viewer\"}\(more)", secret: secret)
    }

    private func answer(_ node: RunningNode, _ place: Place, _ token: String?, _ fields: String = "") async throws -> RawClient.Response {
      let client = try RawClient(port: place == .status ? node.adminPort : node.port)
      try await client.send(place.start + fields + (token.map { "x-pico-authorization: \($0)\r\n" } ?? "") + "\r\n")
      return try await client.response()
    }

    /// Sends bad tokens until one is not looked at.
    private func exhaust(_ node: RunningNode, _ place: Place, _ fields: String = "") async throws -> [RawClient.Response] {
      var responses: [RawClient.Response] = []
      for number in 0..<200 where responses.last?.status != 429 {
        responses.append(
          try await answer(node, place, try await token(place, ",\"n\":\(number)", secret: MadeKeys.otherSecret), fields))
      }
      return responses
    }

    @Test(arguments: Place.allCases)
    func `too many bad tokens of an address are refused without a look, those that were good go on`(place: Place) async throws {
      try await withNode { node in
        let known = try await token(place)
        #expect(try await answer(node, place, known).status == place.good)
        let responses = try await exhaust(node, place)
        let refused = try #require(responses.last)
        #expect(refused.status == 429 && responses.count > Self.burst)
        #expect(responses.dropLast().allSatisfy { $0.status == 401 })
        #expect(refused.field("retry-after") == "1" && refused.field("x-pico-error") == "too-many-requests")
        // A good one that nobody has seen is not told from a bad one. More bad ones, as another second may begin between the two.
        var statuses: [Int] = []
        for number in 0..<20 where !statuses.contains(429) {
          _ = try await exhaust(node, place)
          statuses.append(try await answer(node, place, try await token(place, ",\"n\":\(number)")).status)
        }
        #expect(statuses.contains(429), "\(statuses)")
        // One that was good is looked at as ever; nobody is stopped from having none.
        _ = try await exhaust(node, place)
        #expect(try await answer(node, place, known).status == place.good)
        #expect(try await answer(node, place, nil).status == 401)
        let count = node.node?.limits.counts.first { "\($0.limit.key)" == place.key }?.count
        #expect(count ?? 0 >= 3)
        if place != .status {
          try await eventually("the access log") { node.accessLog.all.contains { $0.contains("\"limit\":\"\(place.key)\"") } }
        }
        try await eventually("time passes") { try await answer(node, place, try await token(place, ",\"n\":99")).status == place.good }
      }
    }

    @Test func `another client's failures are its own`() async throws {
      try await withNode({ $0.proxy.trustedProxies = [try! AddressRange(text: "127.0.0.0/8")] }) { node in
        let fields = "X-Forwarded-For: 192.0.2.1\r\n"
        _ = try await exhaust(node, .request, fields)
        let other = try await answer(node, .request, try await token(.request), "X-Forwarded-For: 192.0.2.2\r\n")
        #expect(other.status == 502)
        // Each port counts for itself.
        #expect(try await answer(node, .registration, try await token(.registration), fields).status == 101)
      }
    }

    @Test func `a token that was good and is bad now is held to the limit`() async throws {
      try await withNode({ $0.proxy.auth.clockSkew = .zero }) { node in
        let ending = try await MadeKeys.token("\"aud\":\"proxy\"", expiresIn: 1)
        #expect(try await answer(node, .request, ending).status == 502)
        try await eventually("its end") { try await answer(node, .request, ending).status == 401 }
        var statuses: [Int] = []
        for _ in 0..<100 where !statuses.contains(429) { statuses.append(try await answer(node, .request, ending).status) }
        #expect(statuses.contains(429) && !statuses.contains(502), "\(statuses)")
      }
    }

    @Test func `without the limit each is looked at, and a reload sets it`() async throws {
      try await withNode({ $0.proxy.auth.failureRate = 0 }) { node in
        for number in 0..<30 {
          #expect(
            try await answer(node, .request, try await token(.request, ",\"n\":\(number)", secret: MadeKeys.otherSecret)).status == 401)
        }
        var configuration = try #require(node.node?.configuration)
        configuration.proxy.auth.failureRate = 1
        await node.server.apply(configuration)
        #expect(try await exhaust(node, .request).last?.status == 429)
      }
    }
  }
}
