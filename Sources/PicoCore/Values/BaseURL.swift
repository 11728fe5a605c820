/// Where a server is: a scheme, a host and a port, and nothing more. `ws` and `wss` are read as `http` and `https`.
package struct BaseURL: Hashable, Sendable, CustomStringConvertible {
  /// Whether the scheme is `https`.
  package let isTLS: Bool
  package let address: HostPort

  package init(isTLS: Bool, address: HostPort) {
    self.isTLS = isTLS
    self.address = address
  }

  /// Throws on another scheme, user information, a path but `/`, a query, a fragment, and port 0.
  package init(text: some StringProtocol) throws(MalformedValue) {
    let malformed = MalformedValue(text, isNot: "a server URL", like: "http://localhost:8080, https://pico.example.com")
    guard let colon = text.range(ofSchemeEnd: "://") else { throw malformed }
    switch text[..<colon.lowerBound].lowercased() {
    case "http", "ws": isTLS = false
    case "https", "wss": isTLS = true
    default: throw malformed
    }
    var authority = Substring(text[colon.upperBound...])
    if authority.last == "/" { authority.removeLast() }
    do throws(MalformedValue) {
      address = try HostPort(text: authority, defaultPort: isTLS ? 443 : 80)
    } catch {
      throw malformed
    }
    guard !address.host.isEmpty, address.port != 0 else { throw malformed }
  }

  /// `host:port` as it stands in a `Host` header: without the default port of the scheme.
  package var authority: String {
    guard address.port == (isTLS ? 443 : 80) else { return address.description }
    return address.host.contains(":") ? "[\(address.host)]" : address.host
  }

  package var description: String { (isTLS ? "https://" : "http://") + authority }
}

extension StringProtocol {
  /// The first occurrence of a short text, without Foundation.
  fileprivate func range(ofSchemeEnd text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
      start = index(after: start)
    }
    return nil
  }
}
