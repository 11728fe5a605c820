/// The field names that Pico acts on; all others are `other`. `x-piko-` names are the same as their `x-pico-` twins.
package enum FieldName: UInt8, CaseIterable, Equatable, Hashable, Sendable {
  case other
  case host
  case contentLength
  case transferEncoding
  case connection
  case keepAlive
  case proxyConnection
  case proxyAuthenticate
  case proxyAuthorization
  case te
  case trailer
  case upgrade
  case http2Settings
  case expect
  case authorization
  case cookie
  case setCookie
  case forwarded
  case realIP
  case forwardedFor
  case forwardedProto
  case forwardedHost
  case requestID
  case cdnLoop
  case via
  /// `x-pico-endpoint`.
  case endpoint
  /// `x-pico-authorization`.
  case picoAuthorization
  /// `x-pico-tenant-id`.
  case picoTenant
  /// Any other name that begins with `x-pico-` or `x-piko-`.
  case picoOther

  /// `slice` is a token inside `bytes`.
  package init(_ slice: HeadSlice, in bytes: RawSpan) {
    let start = Int(slice.start)
    switch Int(slice.count) {
    case 2: self = bytes.equalsFolded(at: start, "te") ? .te : .other
    case 3: self = bytes.equalsFolded(at: start, "via") ? .via : .other
    case 4: self = bytes.equalsFolded(at: start, "host") ? .host : .other
    case 6:
      if bytes.equalsFolded(at: start, "cookie") {
        self = .cookie
      } else {
        self = bytes.equalsFolded(at: start, "expect") ? .expect : .other
      }
    case 7:
      if bytes.equalsFolded(at: start, "upgrade") {
        self = .upgrade
      } else {
        self = bytes.equalsFolded(at: start, "trailer") ? .trailer : Self.picoName(start, 7, bytes)
      }
    default: self = Self.longName(start, Int(slice.count), bytes)
    }
  }

  private static func longName(_ start: Int, _ count: Int, _ bytes: RawSpan) -> FieldName {
    switch count {
    case 8: return bytes.equalsFolded(at: start, "cdn-loop") ? .cdnLoop : picoName(start, count, bytes)
    case 9:
      if bytes.equalsFolded(at: start, "forwarded") { return .forwarded }
      return bytes.equalsFolded(at: start, "x-real-ip") ? .realIP : picoName(start, count, bytes)
    case 10:
      if bytes.equalsFolded(at: start, "connection") { return .connection }
      if bytes.equalsFolded(at: start, "keep-alive") { return .keepAlive }
      return bytes.equalsFolded(at: start, "set-cookie") ? .setCookie : picoName(start, count, bytes)
    case 12: return bytes.equalsFolded(at: start, "x-request-id") ? .requestID : picoName(start, count, bytes)
    case 13: return bytes.equalsFolded(at: start, "authorization") ? .authorization : picoName(start, count, bytes)
    case 14:
      if bytes.equalsFolded(at: start, "content-length") { return .contentLength }
      return bytes.equalsFolded(at: start, "http2-settings") ? .http2Settings : picoName(start, count, bytes)
    case 15: return bytes.equalsFolded(at: start, "x-forwarded-for") ? .forwardedFor : picoName(start, count, bytes)
    case 16:
      if bytes.equalsFolded(at: start, "x-forwarded-host") { return .forwardedHost }
      return bytes.equalsFolded(at: start, "proxy-connection") ? .proxyConnection : picoName(start, count, bytes)
    case 17:
      if bytes.equalsFolded(at: start, "transfer-encoding") { return .transferEncoding }
      return bytes.equalsFolded(at: start, "x-forwarded-proto") ? .forwardedProto : picoName(start, count, bytes)
    case 18: return bytes.equalsFolded(at: start, "proxy-authenticate") ? .proxyAuthenticate : picoName(start, count, bytes)
    case 19: return bytes.equalsFolded(at: start, "proxy-authorization") ? .proxyAuthorization : picoName(start, count, bytes)
    case 11, 20...: return picoName(start, count, bytes)
    default: return count >= 7 ? picoName(start, count, bytes) : .other
    }
  }

  private static func picoName(_ start: Int, _ count: Int, _ bytes: RawSpan) -> FieldName {
    guard count >= 7, bytes.byte(start) | 0x20 == UInt8(ascii: "x") else { return .other }
    guard bytes.equalsFolded(at: start, "x-pico-") || bytes.equalsFolded(at: start, "x-piko-") else { return .other }
    let rest = start + 7
    switch count - 7 {
    case 8 where bytes.equalsFolded(at: rest, "endpoint"): return .endpoint
    case 13 where bytes.equalsFolded(at: rest, "authorization"): return .picoAuthorization
    case 9 where bytes.equalsFolded(at: rest, "tenant-id"): return .picoTenant
    default: return .picoOther
    }
  }
}

/// A set of the names above.
package struct FieldNames: Equatable, Sendable, ExpressibleByArrayLiteral {
  private var bits: UInt64

  package init(arrayLiteral names: FieldName...) {
    bits = 0
    for name in names { insert(name) }
  }

  @inline(__always)
  package func contains(_ name: FieldName) -> Bool { bits & (1 &<< UInt64(name.rawValue)) != 0 }

  @inline(__always)
  package mutating func insert(_ name: FieldName) { bits |= 1 &<< UInt64(name.rawValue) }

  @inline(__always)
  package mutating func remove(_ name: FieldName) { bits &= ~(1 &<< UInt64(name.rawValue)) }

  package mutating func formUnion(_ other: FieldNames) { bits |= other.bits }
  package mutating func subtract(_ other: FieldNames) { bits &= ~other.bits }
  package func intersects(_ other: FieldNames) -> Bool { bits & other.bits != 0 }

  /// Of one connection, so never passed on (RFC 9110 section 7.6.1). `TE`, `Trailer`, `Upgrade` and `Transfer-Encoding` are
  /// decided case by case.
  package static let hopByHop: FieldNames = [
    .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .http2Settings,
  ]
  /// Pico's own but the endpoint.
  package static let pico: FieldNames = [.picoAuthorization, .picoTenant, .picoOther]
  /// Naming one of these in `Connection` would make two parsers see two requests.
  package static let reservedFromConnection: FieldNames = [
    .host, .contentLength, .transferEncoding, .authorization, .cookie, .endpoint, .picoAuthorization, .picoTenant, .picoOther,
  ]
  /// Naming one of these in `Connection` does not remove it: they are decided by themselves.
  package static let deafToConnection: FieldNames = [
    .te, .trailer, .upgrade, .cdnLoop, .via, .forwarded, .realIP, .forwardedFor, .forwardedProto, .forwardedHost, .requestID, .setCookie,
  ]
  /// Framing, routing and credentials have no place after a body (RFC 9110 section 6.5.1).
  package static let forbiddenInTrailers: FieldNames = [
    .host, .contentLength, .transferEncoding, .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te,
    .trailer, .upgrade, .http2Settings, .expect, .authorization, .cookie, .setCookie, .forwarded, .realIP, .forwardedFor, .forwardedProto,
    .forwardedHost, .cdnLoop, .endpoint, .picoAuthorization, .picoTenant, .picoOther,
  ]
}
