package import PicoCore
package import PicoTransport

/// Where an admin port is and how one gets in.
package struct StatusAccess: Sendable {
  package var server: BaseURL
  /// Read again at each connect. Its token never goes in the clear to a host that is not loopback.
  package var tokenFile: String?
  /// A PEM file of authorities; nil is the system's.
  package var caFile: String?
  /// What a server that asks for a client certificate is shown.
  package var credentials: TLSContext.Credentials?

  package init(server: BaseURL) { self.server = server }

  var maySendToken: Bool { server.isTLS || server.address.isLoopback }

  package static let defaultPort = 8081

  /// A URL without a path: `ws://h:1`, `wss://h`, `http://h:1`, `https://h`; or `h:1` and `h`, which are without TLS and at port 8081.
  package static func server(_ text: some StringProtocol) throws(MalformedValue) -> BaseURL {
    let malformed = MalformedValue(
      text, isNot: "the URL of an admin port", like: "ws://localhost:8081, wss://pico.example.com, localhost:8081")
    do throws(MalformedValue) {
      guard !text.utf8.contains(UInt8(ascii: "/")) else { return try BaseURL(text: text) }
      let address = try HostPort(text: text, defaultPort: defaultPort)
      guard !address.host.isEmpty, address.port != 0 else { throw malformed }
      return BaseURL(isTLS: false, address: address)
    } catch {
      throw malformed
    }
  }
}

/// Why there is no connection to an admin port, or no longer one.
package struct StatusFailure: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// Nothing answers, or not in time.
    case unreachable
    /// The token, or that there is none, is not accepted.
    case refused
    /// What answers does not speak the status protocol.
    case notPico
    /// A file of ours cannot be used.
    case configuration
  }

  package let kind: Kind
  /// One line for people, escaped.
  package let description: String

  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description.escapedForDisplay
  }

  /// An HTTP answer that is no upgrade.
  init(status: Int) {
    switch status {
    case 401: self.init(.refused, "the server wants a token that it accepts (401)")
    case 403: self.init(.refused, "the server refuses the token or the client (403)")
    case 404, 200..<300: self.init(.notPico, "not the admin port of a Pico server (it answered \(status))")
    case 429, 503: self.init(.unreachable, "the server takes no more watchers now (it answered \(status))")
    default: self.init(.notPico, "the server answered \(status) instead of opening a WebSocket")
    }
  }
}
