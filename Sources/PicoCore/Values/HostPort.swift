/// A host and a TCP port as they stand in a configuration: `localhost:8080`, `10.0.0.1:80`, `[::1]:80`, `:8080`.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
  /// A name or an IP address without brackets; empty for every interface (only from `:PORT`).
  package let host: String
  /// 0 to 65535; 0 lets the system choose when it is listened on.
  package let port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Throws unless the text is `HOST:PORT`; an IPv6 address needs brackets. With `defaultPort` the port may be left out.
  package init(text: some StringProtocol, defaultPort: Int? = nil) throws(MalformedValue) {
    let malformed = MalformedValue(text, isNot: "an address", like: "localhost:8080, 10.0.0.1:80, [::1]:80, :8080")
    let host: Substring
    var rest = Substring(text)
    if rest.first == "[" {
      guard let end = rest.firstIndex(of: "]") else { throw malformed }
      host = rest[rest.index(after: rest.startIndex)..<end]
      guard let address = IPAddress(host), !address.isIPv4 || host.contains(":") else { throw malformed }
      rest = rest[rest.index(after: end)...]
    } else {
      host = rest.prefix { $0 != ":" }
      guard host.isEmpty || Self.isHost(host) else { throw malformed }
      rest = rest[host.endIndex...]
    }
    if rest.isEmpty, let defaultPort, !host.isEmpty {
      port = defaultPort
    } else {
      guard rest.first == ":", let port = Self.port(rest.dropFirst()) else { throw malformed }
      self.port = port
    }
    self.host = String(host)
  }

  /// A port is 1 to 5 digits, at most 65535.
  package static func port(_ text: some StringProtocol) -> Int? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(text), port <= 65535
    else { return nil }
    return port
  }

  /// A name by the letters of DNS, with underscores, or an IPv4 address. A text of digits and dots only must be the latter.
  private static func isHost(_ text: Substring) -> Bool {
    guard text.utf8.count <= 253, text.utf8.allSatisfy({ EndpointID.isNameByte($0) && $0 != 0x7E }), text.first != "-", text.first != "."
    else { return false }
    return text.contains { !($0.isNumber || $0 == ".") } || IPAddress(text) != nil
  }

  /// Whether only processes of this machine reach the address: `localhost`, 127.0.0.0/8 and ::1.
  package var isLoopback: Bool {
    host.lowercased() == "localhost" || IPAddress(host)?.isLoopback == true
  }

  /// The IP addresses to bind: both of `localhost`, both wildcards of the empty host (IPv6 first; where one socket takes both, it is
  /// enough), else the host itself.
  package var bindHosts: [String] {
    switch host.lowercased() {
    case "localhost": ["127.0.0.1", "::1"]
    case "": ["::", "0.0.0.0"]
    default: [host]
    }
  }

  package var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
