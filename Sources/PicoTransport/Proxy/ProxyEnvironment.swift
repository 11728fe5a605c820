package import PicoCore

/// The proxy that the environment names, by the variables that curl looks at: `https_proxy` or `HTTPS_PROXY` for a server over TLS, only
/// `http_proxy` for one in the clear (a web server's CGI programs get `HTTP_PROXY` from whoever sends a header `Proxy`), and `no_proxy` or
/// `NO_PROXY` for the exceptions. The first that is set and not empty counts.
package enum ProxyEnvironment {
  package struct Failure: Error, Equatable, Sendable {
    package let variable: String
    package let reason: String
  }

  /// Nil when the server is to be reached directly.
  package static func proxy(for server: BaseURL, in environment: [String: String]) throws(Failure) -> HTTPProxy? {
    let names = server.isTLS ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
    guard let (name, text) = first(of: names, in: environment),
      !isException(server.address.host, first(of: ["no_proxy", "NO_PROXY"], in: environment)?.text ?? "")
    else { return nil }
    do throws(MalformedValue) {
      // curl takes an address alone too.
      return try HTTPProxy(text: text.contains("://") ? text : "http://" + text)
    } catch {
      throw Failure(variable: name, reason: "\(error); server.http-proxy: none does without one")
    }
  }

  private static func first(of names: [String], in environment: [String: String]) -> (name: String, text: String)? {
    for name in names {
      if let text = environment[name], !text.isEmpty { return (name, text) }
    }
    return nil
  }

  /// `list` is names, with those below them, addresses and ranges of addresses, between commas or blanks; a lone `*` is all.
  static func isException(_ host: String, _ list: String) -> Bool {
    let entries = list.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }
    if entries == ["*"] { return true }
    if let address = IPAddress(host) {
      return entries.contains { entry in
        let text = entry.first == "[" && entry.last == "]" ? entry.dropFirst().dropLast() : entry
        return (try? AddressRange(text: text))?.contains(address) ?? false
      }
    }
    let name = undotted(host.lowercased()[...])
    return entries.map { undotted($0.first == "." ? $0.dropFirst() : $0) }.contains { entry in
      !entry.isEmpty && (name == entry || name.hasSuffix(".\(entry)"))
    }
  }

  /// Without the dot that may end a name.
  private static func undotted(_ name: Substring) -> Substring { name.last == "." ? name.dropLast() : name }
}
