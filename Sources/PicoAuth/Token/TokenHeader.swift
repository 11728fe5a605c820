/// Where the text of a token stands in a request.
///
/// A value is `Bearer TOKEN` (RFC 6750 section 2.1), with the scheme in any case. Pico's own header may hold the token alone.
package enum TokenHeader {
  /// The token of the requests' headers, given as all values of each. Pico's own header is the only one that counts when it is there, whatever
  /// it holds.
  package static func token(authorization: [String], own: [String]) throws(TokenFault) -> [UInt8] {
    if !own.isEmpty {
      guard own.count == 1 else { throw .invalid(.repeatedHeader) }
      return try range(in: Array(own[0].utf8), mayBeBare: true)
    }
    guard !authorization.isEmpty else { throw .missing }
    guard authorization.count == 1 else { throw .invalid(.repeatedHeader) }
    return try range(in: Array(authorization[0].utf8), mayBeBare: false)
  }

  private static func range(in value: [UInt8], mayBeBare: Bool) throws(TokenFault) -> [UInt8] {
    guard let start = start(count: value.count, mayBeBare: mayBeBare, byte: { value[$0] }) else {
      throw mayBeBare ? .invalid(.notBearer) : .missing
    }
    return Array(value[start...])
  }

  /// Where the token begins in a value of `count` bytes; nil when there is none, as with another scheme.
  @inlinable
  package static func start(count: Int, mayBeBare: Bool, byte: (Int) -> UInt8) -> Int? {
    var index = 0
    for expected in "bearer".utf8 {
      guard index < count, byte(index) | 0x20 == expected else { break }
      index += 1
    }
    guard index == 6, index < count, byte(index) == 0x20 || byte(index) == 0x09 else {
      guard mayBeBare, count > 0 else { return nil }
      for index in 0..<count where byte(index) == 0x20 || byte(index) == 0x09 { return nil }
      return 0
    }
    while index < count, byte(index) == 0x20 || byte(index) == 0x09 { index += 1 }
    return index < count ? index : nil
  }
}
