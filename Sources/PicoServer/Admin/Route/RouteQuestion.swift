package import PicoCore

/// What is asked of `GET /status/v1/route`: the parts of a request that decide where it goes.
package struct RouteQuestion: Equatable, Sendable {
  package var host: String?
  /// The value of `x-pico-endpoint`.
  package var endpoint: String?
  package var path = "/"
  /// Of the request's token.
  package var tenant: TenantID?

  package init(host: String? = nil, endpoint: String? = nil, path: String = "/", tenant: TenantID? = nil) {
    self.host = host
    self.endpoint = endpoint
    self.path = path
    self.tenant = tenant
  }

  /// Bytes of a value at most.
  private static let maximumValue = 8 << 10

  /// nil unless there is a `host` or an `endpoint`, each of `host`, `endpoint`, `path` and `tenant` stands there at most once, and no other does.
  /// Values are percent-encoded; in none of them is there a control character, so none can end the line that it stands in.
  init?(query: String) {
    var seen: Set<Substring> = []
    for part in query.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, seen.insert(pair[0]).inserted, let value = Self.decode(pair[1]) else { return nil }
      switch pair[0] {
      case "host": host = value
      case "endpoint": endpoint = value
      case "path": path = value
      case "tenant":
        guard let tenant = TenantID(value) else { return nil }
        self.tenant = tenant
      default: return nil
      }
    }
    guard host != nil || endpoint != nil else { return nil }
  }

  private static func decode(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
      bytes.append(high << 4 | low)
    }
    guard bytes.count <= maximumValue, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }

  /// The head of the request that is asked about.
  var head: [UInt8] {
    let field = endpoint.map { "x-pico-endpoint: \($0)\r\n" } ?? ""
    return Array("GET \(path) HTTP/1.1\r\nHost: \(host ?? "localhost")\r\n\(field)\r\n".utf8)
  }
}
