package import PicoTransport

/// What a measurement does. The defaults are those of `pico bench`.
package struct BenchConfiguration: Equatable, Sendable {
  /// A name or an address without brackets.
  package var host = "localhost"
  package var port = 8080
  /// Whether it is spoken to over TLS.
  package var isTLS = false
  /// A PEM file of authorities for its certificate; nil is the system's.
  package var caFile: String?
  /// What it is shown when it asks for a certificate.
  package var credentials: TLSContext.Credentials?
  /// Path and query, as they go out.
  package var target = "/"
  package var method = "GET"
  /// Sent as `x-pico-endpoint`.
  package var endpoint: String?
  /// Sent after `Host`, in this order.
  package var headers: [Header] = []
  /// Bytes of each request's body; zero sends none.
  package var bodyBytes = 0
  package var connections = 64
  package var threads = 1
  /// No request begins later; at least one of this and `requests` is set.
  package var duration: Duration?
  /// Requests to send over all connections.
  package var requests: Int?
  /// Requests per second over all connections. Without it each connection sends as soon as it has its answer.
  package var rate: Double?
  /// From sending to the end of the response.
  package var timeout = Duration.seconds(10)
  /// Processes whose CPU time and memory are measured.
  package var processes: [Int32] = []

  package init() {}

  package struct Header: Equatable, Sendable {
    package var name: String
    package var value: String

    /// Nil for a name that is not a token, and for a value with CR, LF or NUL. Source: RFC 9110 section 5.
    package init?(name: String, value: String) {
      let symbols = "!#$%&'*+-.^_`|~".utf8
      let isToken = name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: symbols.contains(byte)
        }
      }
      guard !name.isEmpty, isToken, !value.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else { return nil }
      self.name = name
      self.value = value
    }
  }

  /// For people: without what stands in headers.
  var url: String { (isTLS ? "https://" : "http://") + authority + target }

  /// The `Host` that goes out.
  package var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
  }
}

extension BenchConfiguration {
  /// Takes `http://HOST[:PORT][/PATH][?QUERY]`, or the same with `https`, apart; false for anything else.
  package mutating func setURL(_ text: String) -> Bool {
    let scheme = text.lowercased().hasPrefix("https://") ? "https://" : "http://"
    guard text.lowercased().hasPrefix(scheme), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
    let rest = text.dropFirst(scheme.count).prefix { $0 != "#" }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    var authority = rest[..<end]
    guard !authority.contains("@") else { return false }
    var port: Substring?
    if authority.hasPrefix("["), let close = authority.firstIndex(of: "]") {
      let after = authority[authority.index(after: close)...]
      guard after.isEmpty || after.hasPrefix(":") else { return false }
      port = after.isEmpty ? nil : after.dropFirst()
      authority = authority[..<close].dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      port = authority[authority.index(after: colon)...]
      authority = authority[..<colon]
    }
    guard !authority.isEmpty, let number = UInt16(port ?? (scheme == "https://" ? "443" : "80")), number > 0 else { return false }
    isTLS = scheme == "https://"
    host = String(authority)
    self.port = Int(number)
    let path = rest[end...]
    target = path.hasPrefix("/") ? String(path) : "/" + path
    return true
  }
}
