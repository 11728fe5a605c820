/// The nine standard methods (RFC 9110 section 9, RFC 5789); every other one is `other` and its bytes are in the head.
package enum HTTPMethod: UInt8, CaseIterable, Equatable, Sendable {
  case get
  case head
  case post
  case put
  case delete
  case connect
  case options
  case trace
  case patch
  case other

  /// RFC 9110 section 9.2.2: sending it twice means the same as once.
  package var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options, .trace: true
    case .post, .connect, .patch, .other: false
    }
  }

  /// As it stands in a request line and in the `method` label of metrics.
  package var name: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .connect: "CONNECT"
    case .options: "OPTIONS"
    case .trace: "TRACE"
    case .patch: "PATCH"
    case .other: "other"
    }
  }

  /// Methods are case-sensitive: `get` is `other`.
  package init(_ slice: HeadSlice, in bytes: RawSpan) {
    var packed: UInt64 = 0
    guard slice.count <= 7 else {
      self = .other
      return
    }
    for offset in slice.range { packed = packed << 8 | UInt64(bytes.byte(offset)) }
    switch packed {
    case 0x47_4554: self = .get
    case 0x4845_4144: self = .head
    case 0x504f_5354: self = .post
    case 0x50_5554: self = .put
    case 0x4445_4c45_5445: self = .delete
    case 0x43_4f4e_4e45_4354: self = .connect
    case 0x4f_5054_494f_4e53: self = .options
    case 0x54_5241_4345: self = .trace
    case 0x50_4154_4348: self = .patch
    default: self = .other
    }
  }
}
