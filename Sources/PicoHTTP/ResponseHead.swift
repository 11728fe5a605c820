/// The head of one response, as offsets into bytes that the caller keeps. Reuse it as `RequestHead`.
package struct ResponseHead: ~Copyable, Sendable {
  /// 100 to 999.
  package private(set) var status = 0
  package private(set) var version = HTTPVersion.http11
  /// Maybe empty.
  package private(set) var reason = HeadSlice(start: 0, count: 0)

  var section = FieldSection()
  private var stage = RequestHead.Stage.startLine

  /// What of a request decides how its response is read (RFC 9112 section 6.3).
  package struct Question: Equatable, Sendable {
    package var method: HTTPMethod
    package var asksForUpgrade: Bool

    package init(method: HTTPMethod, asksForUpgrade: Bool) {
      self.method = method
      self.asksForUpgrade = asksForUpgrade
    }
  }

  package init() {}

  /// Before the next response, also behind one of 1xx.
  package mutating func reset() {
    section.reset()
    stage = .startLine
  }

  /// As `RequestHead.parse`. A 101 that was not asked for is a fault.
  package mutating func parse(_ bytes: RawSpan, limit: Int, answering question: Question) -> HeadParse {
    let end = min(bytes.byteCount, limit, Int(Int32.max))
    let outcome = read(bytes, end: end, question)
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

  private mutating func read(_ bytes: RawSpan, end: Int, _ question: Question) -> HeadParse {
    switch stage {
    case .ended(let outcome): return outcome
    case .startLine:
      switch readStatusLine(bytes, end: end) {
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
      if isChunked, version == .http10 { return .failed(.transferEncodingInHTTP10) }
      if section.connectionOptions.contains(.contentLength) || section.connectionOptions.contains(.transferEncoding) {
        return .failed(.reservedConnectionOption)
      }
      if status == 101, !question.asksForUpgrade { return .failed(.unaskedSwitch) }
      return .complete(headBytes: headBytes)
    }
  }

  /// `version SP 3DIGIT [SP reason] CRLF` (RFC 9112 section 4; the last space is often forgotten).
  private mutating func readStatusLine(_ bytes: RawSpan, end: Int) -> RequestHead.StartLine {
    guard section.mayHoldLine(bytes, end: end) else { return .partial }
    guard let lineFeed = bytes.firstLineFeed(from: 0, to: end) else {
      section.searched = end
      return .partial
    }
    guard lineFeed > 0, bytes.byte(lineFeed - 1) == Octets.carriageReturn else { return .failed(.bareLineFeed) }
    let lineEnd = lineFeed - 1
    let control = bytes.endOfFieldText(from: 0, to: lineEnd)
    guard control == lineEnd else { return .failed(FieldSection.faultOfControl(bytes.byte(control))) }
    guard lineEnd >= 12, bytes.word(0) & 0xff_ffff_ffff == RequestHead.http1 & 0xff_ffff_ffff else { return .failed(.badStatusLine) }
    guard bytes.word(0) & ~(1 << 56) == RequestHead.http1 else { return .failed(.unknownVersion) }
    guard bytes.byte(8) == Octets.space, lineEnd == 12 || bytes.byte(12) == Octets.space else { return .failed(.badStatusLine) }
    status = 0
    for offset in 9..<12 {
      guard Octets.isDigit(bytes.byte(offset)) else { return .failed(.badStatusLine) }
      status = status * 10 + Int(bytes.byte(offset) &- 0x30)
    }
    guard status >= 100 else { return .failed(.badStatusLine) }
    version = bytes.byte(7) == UInt8(ascii: "1") ? .http11 : .http10
    reason = HeadSlice(start: min(13, lineEnd), count: max(0, lineEnd - 13))
    section.lineStart = lineFeed + 1
    return .whole
  }

  // MARK: Facts

  package var fields: [HeaderField] { section.fields }
  package var contentLength: Int64? { section.contentLength }
  package var isChunked: Bool { section.isChunked }
  /// 1xx but 101: the final response is still to come.
  package var isInterim: Bool { status < 200 && status != 101 }
  /// After this head the connection carries another protocol.
  package var isSwitch: Bool { status == 101 }

  /// Whether the body is none whatever the fields say.
  package func isBodiless(answering method: HTTPMethod) -> Bool {
    method == .head || status < 200 || status == 204 || status == 304
  }

  /// How the bytes behind the head are framed.
  package func framing(answering method: HTTPMethod) -> BodyFraming {
    if isBodiless(answering: method) { return .none }
    if isChunked { return BodyFraming(.chunked) }
    guard let contentLength else { return BodyFraming(.untilClose) }
    return BodyFraming(.length(contentLength))
  }

  /// Whether the connection that it came on may serve another request once the body has ended.
  package func keepsAlive(answering method: HTTPMethod) -> Bool {
    guard !section.closes, !isSwitch else { return false }
    guard version == .http11 || section.connectionOptions.contains(.keepAlive) else { return false }
    return isBodiless(answering: method) || isChunked || contentLength != nil
  }

  /// `Keep-Alive: timeout=5`.
  package func keepAliveTimeoutSeconds(_ bytes: RawSpan) -> Int? {
    guard let value = section.value(.keepAlive) else { return nil }
    var list = ListElements(value)
    while let element = list.next(bytes) {
      guard element.count > 8, element.count < 17, bytes.equalsFolded(at: Int(element.start), "timeout=") else { continue }
      var seconds = 0
      for offset in element.range.dropFirst(8) {
        guard Octets.isDigit(bytes.byte(offset)) else { return nil }
        seconds = seconds * 10 + Int(bytes.byte(offset) &- 0x30)
      }
      return seconds
    }
    return nil
  }

  package func contains(_ name: FieldName) -> Bool { section.present.contains(name) }
  package func value(_ name: FieldName) -> HeadSlice? { section.value(name) }

  /// The first value of a field that Pico has no name for; `name` is lower case. For tests and handshakes.
  package func value(named name: StaticString, in bytes: RawSpan) -> HeadSlice? {
    for field in section.fields where bytes.equals(field.nameSlice, folded: name) { return field.value }
    return nil
  }
}
