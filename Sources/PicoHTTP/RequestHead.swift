/// What a parser says about the bytes it was given.
package enum HeadParse: Equatable, Sendable {
  /// No fault so far; call again with the same bytes and more.
  case incomplete
  /// The head is this long, with its empty line; the body begins behind it.
  case complete(headBytes: Int)
  /// The bytes are refused, for good.
  case failed(HTTPFault)
}

/// The head of one request, as offsets into bytes that the caller keeps. Reuse one value for all requests of a connection:
/// `reset()` keeps the capacity, and then nothing is allocated. Not one byte is looked at twice, however a head drips in.
package struct RequestHead: ~Copyable, Sendable {
  package enum TargetForm: UInt8, Equatable, Sendable {
    case origin
    case absolute
    case asterisk
  }

  package internal(set) var method = HTTPMethod.other
  package internal(set) var version = HTTPVersion.http11
  package internal(set) var targetForm = TargetForm.origin
  package internal(set) var methodSlice = HeadSlice(start: 0, count: 0)
  /// As it came.
  package internal(set) var target = HeadSlice(start: 0, count: 0)
  /// The host and port of an absolute-form target; else empty.
  package internal(set) var authority = HeadSlice(start: 0, count: 0)
  /// Path and query. Of `http://host` it is empty, and of `http://host?q` it lacks the slash: `path` then means `/`.
  package internal(set) var originForm = HeadSlice(start: 0, count: 0)
  /// The origin-form up to its query.
  package internal(set) var path = HeadSlice(start: 0, count: 0)
  package internal(set) var upgradesToHTTP2 = false
  /// Whether `TE` says that trailers may follow a response.
  package internal(set) var acceptsTrailers = false
  /// `Expect: 100-continue` in HTTP/1.1.
  package internal(set) var expectsContinue = false
  /// The value of `X-Request-Id`, if there is exactly one and it is fit to be kept.
  package internal(set) var requestID: HeadSlice?
  /// How often `CDN-Loop` (RFC 8586) names Pico: how many nodes took this request from outside before.
  package internal(set) var loops = 0

  var section = FieldSection()
  var stage = Stage.startLine
  /// The absolute-form target is of scheme https.
  var isSecureTarget = false

  enum Stage: Equatable, Sendable {
    case startLine
    case fields
    case ended(HeadParse)
  }

  package init() {}

  /// Before the next request.
  package mutating func reset() {
    section.reset()
    stage = .startLine
    authority.count = 0
    isSecureTarget = false
    upgradesToHTTP2 = false
    acceptsTrailers = false
    expectsContinue = false
    requestID = nil
    loops = 0
  }

  /// Reads as far as it can. `bytes` begins with the first byte of the head at every call, and holds at least what it held at the last one.
  ///
  /// One empty line before the request line is skipped (RFC 9112 section 2.2) and counts as part of the head.
  /// - Parameter limit: the longest head in bytes, at most 2 GiB.
  package mutating func parse(_ bytes: RawSpan, limit: Int) -> HeadParse {
    let end = min(bytes.byteCount, limit, Int(Int32.max))
    let outcome = read(bytes, end: end)
    switch outcome {
    case .incomplete:
      guard bytes.byteCount > end else { return .incomplete }
      stage = .ended(.failed(.headTooLarge))
      return .failed(.headTooLarge)
    case .complete, .failed:
      stage = .ended(outcome)
      return outcome
    }
  }

  private mutating func read(_ bytes: RawSpan, end: Int) -> HeadParse {
    switch stage {
    case .ended(let outcome): return outcome
    case .startLine:
      switch readStartLine(bytes, end: end) {
      case .partial: return .incomplete
      case .failed(let fault): return .failed(fault)
      case .whole: stage = .fields
      }
    case .fields: break
    }
    switch section.parse(bytes, end: end) {
    case .incomplete: return .incomplete
    case .failed(let fault): return .failed(fault)
    case .complete(let headBytes):
      if let fault = finish(bytes) { return .failed(fault) }
      return .complete(headBytes: headBytes)
    }
  }

  // MARK: Facts

  package var fields: [HeaderField] { section.fields }
  package var contentLength: Int64? { section.contentLength }
  package var isChunked: Bool { section.isChunked }
  /// How the bytes behind the head are framed.
  package var framing: BodyFraming {
    if isChunked { return BodyFraming(.chunked) }
    return BodyFraming(.length(contentLength ?? 0))
  }
  package var hasBody: Bool { isChunked || contentLength ?? 0 > 0 }
  package var host: HeadSlice? { section.value(.host) }
  /// The value of `x-pico-endpoint` or `x-piko-endpoint`.
  package var endpoint: HeadSlice? { section.value(.endpoint) }
  package var authorization: HeadSlice? { section.value(.authorization) }
  package var picoAuthorization: HeadSlice? { section.value(.picoAuthorization) }
  package var picoTenant: HeadSlice? { section.value(.picoTenant) }
  /// The protocols that the client would change to, if it truly asks for one; never h2c.
  package var upgrade: HeadSlice? { isUpgrade ? section.value(.upgrade) : nil }
  /// RFC 9110 section 7.8: `Upgrade`, named in `Connection`, in HTTP/1.1.
  package var isUpgrade: Bool {
    version == .http11 && section.present.contains(.upgrade) && section.connectionOptions.contains(.upgrade) && !upgradesToHTTP2
  }
  package var closes: Bool { section.closes }
  /// Whether the client expects the connection to stay after this exchange (RFC 9112 section 9.3).
  package var keepsAlive: Bool {
    guard !section.closes else { return false }
    return version == .http11 || section.connectionOptions.contains(.keepAlive)
  }

  package func contains(_ name: FieldName) -> Bool { section.present.contains(name) }
  package func isRepeated(_ name: FieldName) -> Bool { section.repeated.contains(name) }
  package func value(_ name: FieldName) -> HeadSlice? { section.value(name) }

  /// The first value of a field that Pico has no name for; `name` is lower case. For handshakes and admin work.
  package func value(named name: StaticString, in bytes: RawSpan) -> HeadSlice? {
    for field in section.fields where bytes.equals(field.nameSlice, folded: name) { return field.value }
    return nil
  }
}
