internal import PicoConfiguration
package import PicoCore

/// The service that a listener forwards to.
package enum Upstream: Hashable, Sendable, CustomStringConvertible, ConfigurationScalar {
  /// HTTP/1.1 in the clear.
  case http(HostPort)
  /// HTTP/1.1 over TLS.
  case https(HostPort)
  /// HTTP/2 in the clear, by prior knowledge: gRPC.
  case h2c(HostPort)
  /// Bytes as they are.
  case tcp(HostPort)
  /// HTTP/1.1 in the clear over a Unix socket with this absolute path.
  case unix(String)

  /// The most bytes of a socket path, by `sockaddr_un` of Linux.
  package static let maximumPathLength = 107

  package static let configurationKind = "upstream"
  package var configurationText: String { description }

  /// `PORT`, `HOST:PORT`, `http://HOST[:PORT]`, `https://HOST[:PORT]`, `h2c://HOST[:PORT]`, `tcp://HOST:PORT` or `unix:/path`.
  package init(configurationText text: String) throws(MalformedValue) {
    let malformed = MalformedValue(
      text, isNot: "an upstream",
      like: "3000, localhost:3000, https://api.example.com, h2c://localhost:50051, tcp://10.0.0.5:5432, unix:/run/app.sock")
    if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      guard let port = HostPort.port(text), port > 0 else { throw malformed }
      self = .http(HostPort(host: "localhost", port: port))
      return
    }
    if text.hasPrefix("unix:") {
      self = .unix(try Self.socketPath(text, malformed: malformed))
      return
    }
    let scheme = Self.scheme(of: text)
    let authority = scheme.map { text.dropFirst($0.utf8.count + 3) } ?? Substring(text)
    switch scheme?.lowercased() {
    case nil: self = .http(try Self.address(authority, defaultPort: nil, malformed: malformed))
    case "http": self = .http(try Self.address(authority.withoutSlash, defaultPort: 80, malformed: malformed))
    case "https": self = .https(try Self.address(authority.withoutSlash, defaultPort: 443, malformed: malformed))
    case "tcp": self = .tcp(try Self.address(authority, defaultPort: nil, malformed: malformed))
    case "h2c": self = .h2c(try Self.address(authority.withoutSlash, defaultPort: 80, malformed: malformed))
    default: throw malformed
    }
  }

  /// What stands before `://`.
  private static func scheme(of text: String) -> Substring? {
    let scheme = text.prefix { $0 != ":" }
    return text[scheme.endIndex...].hasPrefix("://") ? scheme : nil
  }

  private static func address(_ text: Substring, defaultPort: Int?, malformed: MalformedValue) throws(MalformedValue) -> HostPort {
    if text.contains("/") || text.contains("?") || text.contains("#") {
      throw MalformedValue("\(malformed.description); a path cannot be part of it: the path of each request goes through as it is")
    }
    guard let address = try? HostPort(text: text, defaultPort: defaultPort), !address.host.isEmpty, address.port > 0 else {
      throw malformed
    }
    return address
  }

  private static func socketPath(_ text: String, malformed: MalformedValue) throws(MalformedValue) -> String {
    var path = text.dropFirst("unix:".utf8.count)
    if path.hasPrefix("///") { path = path.dropFirst(2) }
    guard path.hasPrefix("/"), !path.hasPrefix("//"), !path.hasSuffix("/"), !path.utf8.contains(0) else { throw malformed }
    guard path.utf8.count <= maximumPathLength else {
      throw MalformedValue("\"\(text.escapedForDisplay)\" is longer than the \(maximumPathLength) bytes that a socket path may have")
    }
    return String(path)
  }

  package var description: String {
    switch self {
    case .http(let address): "http://\(address)"
    case .https(let address): "https://\(address)"
    case .h2c(let address): "h2c://\(address)"
    case .tcp(let address): "tcp://\(address)"
    case .unix(let path): "unix:\(path)"
    }
  }
}

extension Substring {
  fileprivate var withoutSlash: Substring { last == "/" ? dropLast() : self }
}
