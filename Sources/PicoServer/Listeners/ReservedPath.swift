internal import PicoHTTP

/// The paths that the node keeps for itself on its proxy and upstream ports.
enum ReservedPath: Equatable {
  case ready
  /// Registration of a listener; the name as it stands in the path.
  case listener(HeadSlice)
  /// Bytes in both directions to an endpoint, for TCP.
  case tcp(HeadSlice)
  /// Another node introduces itself.
  case link
  case unknown

  private static let own: StaticString = "/pico/v1/"
  private static let readyPath: StaticString = "/pico/v1/ready"
  private static let linkPath: StaticString = "/pico/v1/link"
  private static let prefixes: [(path: StaticString, isTCP: Bool)] = [
    ("/pico/v1/listener/", false), ("/piko/v1/upstream/", false), ("/pico/v1/tcp/", true), ("/_piko/v1/tcp/", true),
  ]

  @inline(__always)
  static func isReserved(_ path: HeadSlice, _ bytes: RawSpan) -> Bool {
    // Every reserved path has a `p` in its second or third place; nearly all others are told apart by that.
    guard path.count >= 9 else { return false }
    let second = bytes.byte(Int(path.start) + 1)
    guard second == UInt8(ascii: "p") || second == UInt8(ascii: "_") else { return false }
    if begins(path, with: own, bytes) { return true }
    return prefixes.contains { begins(path, with: $0.path, bytes) }
  }

  init(_ path: HeadSlice, _ bytes: RawSpan) {
    if path.count == Self.readyPath.utf8CodeUnitCount, Self.begins(path, with: Self.readyPath, bytes) {
      self = .ready
      return
    }
    if path.count == Self.linkPath.utf8CodeUnitCount, Self.begins(path, with: Self.linkPath, bytes) {
      self = .link
      return
    }
    for (prefix, isTCP) in Self.prefixes where Self.begins(path, with: prefix, bytes) {
      let length = prefix.utf8CodeUnitCount
      let name = HeadSlice(start: Int(path.start) + length, count: Int(path.count) - length)
      self = isTCP ? .tcp(name) : .listener(name)
      return
    }
    self = .unknown
  }

  private static func begins(_ path: HeadSlice, with prefix: StaticString, _ bytes: RawSpan) -> Bool {
    let length = prefix.utf8CodeUnitCount
    guard path.count >= length else { return false }
    return prefix.withUTF8Buffer { expected in
      for offset in 0..<length {
        // `offset` is below the length of both.
        guard unsafe bytes.byte(Int(path.start) + offset) == expected[offset] else { return false }
      }
      return true
    }
  }
}
