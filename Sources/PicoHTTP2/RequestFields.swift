internal import NIOHPACK
internal import PicoHTTP

/// A request's header section that was found to be one: pseudo-header fields in front, each once and none missing, and only lines that stay
/// the same lines in HTTP/1.1 (RFC 9113 sections 8.2 and 8.3).
struct RequestFields {
  let method: String
  let path: String
  let authority: String?
  let host: String?
  let contentLength: Int64?

  init(_ fields: HPACKHeaders) throws(HTTPFault) {
    var pseudo = PseudoFields()
    var host: String?
    var contentLength: Int64?
    var isInFront = true
    for (name, value, _) in fields {
      if name.utf8.first == UInt8(ascii: ":") {
        guard isInFront else { throw .badPseudoField }
        try pseudo.take(name, value)
        continue
      }
      isInFront = false
      switch try FieldRules.check(name, value) {
      case .host:
        guard host == nil else { throw .repeatedHost }
        host = value
      case .contentLength:
        guard contentLength == nil else { throw .repeatedContentLength }
        contentLength = try FieldRules.length(value)
      case .te:
        guard value == "trailers" else { throw .connectionSpecificField }
      default:
        break
      }
    }
    guard pseudo.method != "CONNECT" else { throw .connectMethod }
    guard let method = pseudo.method, let path = pseudo.path, pseudo.scheme != nil else { throw .badPseudoField }
    if let authority = pseudo.authority, let host, !FieldRules.areEqual(authority, host) { throw .targetDisagreesWithHost }
    if let host { guard FieldRules.isTarget(host) else { throw .badHost } }
    (self.method, self.path, authority, self.host, self.contentLength) = (method, path, pseudo.authority, host, contentLength)
  }
}

/// The four that a request may have (RFC 9113 section 8.3.1); that of RFC 8441 is not offered.
private struct PseudoFields {
  var method: String?
  var scheme: String?
  var path: String?
  var authority: String?

  mutating func take(_ name: String, _ value: String) throws(HTTPFault) {
    switch name {
    case ":method":
      guard method == nil else { throw .badPseudoField }
      guard FieldRules.isToken(value) else { throw .badRequestLine }
      method = value
    case ":scheme":
      guard scheme == nil, value == "https" || value == "http" else { throw .badPseudoField }
      scheme = value
    case ":path":
      guard path == nil else { throw .badPseudoField }
      // Only these two forms: another scheme or host has no place here.
      guard value == "*" || value.utf8.first == UInt8(ascii: "/"), FieldRules.isTarget(value) else { throw .badTarget }
      path = value
    case ":authority":
      guard authority == nil else { throw .badPseudoField }
      guard FieldRules.isTarget(value) else { throw .badHost }
      authority = value
    default:
      throw .badPseudoField
    }
  }
}

/// A response's header section, in the same way.
struct ResponseFields {
  private(set) var status = 0
  private(set) var contentLength: Int64?

  init(_ fields: HPACKHeaders) throws(HTTPFault) {
    var isInFront = true
    for (name, value, _) in fields {
      if name.utf8.first == UInt8(ascii: ":") {
        guard isInFront, name == ":status", status == 0 else { throw .badPseudoField }
        guard value.utf8.count == 3, value.utf8.allSatisfy({ $0 &- 0x30 < 10 }), let number = Int(value), number >= 100 else {
          throw .badStatusLine
        }
        status = number
      } else {
        isInFront = false
        if try FieldRules.check(name, value) == .contentLength {
          guard contentLength == nil else { throw .repeatedContentLength }
          contentLength = try FieldRules.length(value)
        }
      }
    }
    guard status != 0 else { throw .badPseudoField }
  }
}

/// What holds for every field line. Texts are looked at as bytes, all of which are initialised: there is no padding.
enum FieldRules {
  /// - Returns: which of the names that Pico acts on it is.
  @discardableResult
  static func check(_ name: String, _ value: String) throws(HTTPFault) -> FieldName {
    let bytes = unsafe name.utf8Span.span.bytes
    guard bytes.byteCount > 0 else { throw .emptyFieldName }
    guard bytes.endOfToken(from: 0, to: bytes.byteCount) == bytes.byteCount else { throw .badFieldName }
    for offset in 0..<bytes.byteCount where bytes.byte(offset) &- 0x41 < 26 { throw .badFieldName }
    try checkValue(value)
    let known = FieldName(HeadSlice(start: 0, count: bytes.byteCount), in: bytes)
    guard !FieldNames.connectionSpecific.contains(known) else { throw .connectionSpecificField }
    return known
  }

  /// RFC 9113 section 8.2.1: no control characters, and no white space around it.
  private static func checkValue(_ value: String) throws(HTTPFault) {
    let bytes = unsafe value.utf8Span.span.bytes
    let count = bytes.byteCount
    guard count > 0 else { return }
    let end = bytes.endOfFieldText(from: 0, to: count)
    guard end == count else { throw bytes.byte(end).faultInValue }
    for edge in [bytes.byte(0), bytes.byte(count - 1)] where edge == 0x20 || edge == 0x09 { throw .controlCharacter }
  }

  static func isToken(_ text: String) -> Bool {
    let bytes = unsafe text.utf8Span.span.bytes
    return bytes.byteCount > 0 && bytes.endOfToken(from: 0, to: bytes.byteCount) == bytes.byteCount
  }

  /// No white space, control character or fragment: fit to stand in a request line or as a host.
  static func isTarget(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "#") }
  }

  /// Without regard to ASCII case.
  static func areEqual(_ one: String, _ other: String) -> Bool {
    one.utf8.elementsEqual(other.utf8) { $0 == $1 || ($0 | 0x20 == $1 | 0x20 && ($0 | 0x20) &- 0x61 < 26) }
  }

  /// Digits only, and no more than an Int64 holds.
  static func length(_ text: String) throws(HTTPFault) -> Int64 {
    guard (1...19).contains(text.utf8.count), text.utf8.allSatisfy({ $0 &- 0x30 < 10 }), let length = Int64(text) else {
      throw .badContentLength
    }
    return length
  }
}

extension UInt8 {
  fileprivate var faultInValue: HTTPFault {
    switch self {
    case 0: .nulByte
    case 0x0a: .bareLineFeed
    case 0x0d: .bareCarriageReturn
    default: .controlCharacter
    }
  }
}

extension FieldNames {
  /// Of an HTTP/1.1 connection, so never in HTTP/2 (RFC 9113 section 8.2.2).
  static let connectionSpecific: FieldNames = [.connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade, .http2Settings]
}
