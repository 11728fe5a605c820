extension RequestHead {
  enum StartLine: Equatable {
    case partial
    case whole
    case failed(HTTPFault)
  }

  /// `method SP target SP version CRLF` (RFC 9112 section 3), with single spaces and nothing around them.
  mutating func readStartLine(_ bytes: RawSpan, end: Int) -> StartLine {
    if section.lineStart == 0 {
      switch skipEmptyLine(bytes, end: end) {
      case .whole: break
      case let other: return other
      }
    }
    guard section.mayHoldLine(bytes, end: end) else { return .partial }
    let start = section.lineStart
    var offset = start
    while offset < end, OctetSet.token.contains(bytes.byte(offset)) { offset += 1 }
    guard offset < end else { return partial(end) }
    guard bytes.byte(offset) == Octets.space, offset > start else {
      return .failed(Self.fault(of: bytes.byte(offset), else: .badRequestLine))
    }
    methodSlice = HeadSlice(start: start, count: offset - start)
    method = HTTPMethod(methodSlice, in: bytes)
    offset += 1
    let targetStart = offset
    var query = -1
    while offset < end {
      let octet = bytes.byte(offset)
      if octet <= Octets.space || octet == 0x7f || octet == UInt8(ascii: "#") { break }
      if octet == UInt8(ascii: "?"), query < 0 { query = offset }
      offset += 1
    }
    guard offset < end else { return partial(end) }
    guard bytes.byte(offset) == Octets.space, offset > targetStart else {
      return .failed(Self.fault(of: bytes.byte(offset), else: bytes.byte(offset) == UInt8(ascii: "#") ? .badTarget : .badRequestLine))
    }
    target = HeadSlice(start: targetStart, count: offset - targetStart)
    offset += 1
    guard offset + 10 <= end, bytes.word(offset) & ~(1 << 56) == Self.http1, bytes.byte(offset + 8) == Octets.carriageReturn,
      bytes.byte(offset + 9) == Octets.lineFeed
    else { return badVersion(bytes, at: offset, end: end) }
    version = bytes.byte(offset + 7) == UInt8(ascii: "1") ? .http11 : .http10
    section.lineStart = offset + 10
    if method == .connect { return .failed(.connectMethod) }
    if let fault = readTarget(bytes, query: query) { return .failed(fault) }
    return .whole
  }

  /// `HTTP/1.0`, with bit 56 clear for both versions, first byte lowest.
  static var http1: UInt64 { 0x302e_312f_5054_5448 }

  private mutating func partial(_ end: Int) -> StartLine {
    section.searched = end
    return .partial
  }

  private static func fault(of octet: UInt8, else other: HTTPFault) -> HTTPFault {
    octet < 0x20 && octet != Octets.tab && octet != Octets.carriageReturn || octet == 0x7f ? FieldSection.faultOfControl(octet) : other
  }

  private mutating func skipEmptyLine(_ bytes: RawSpan, end: Int) -> StartLine {
    guard end > 0 else { return .partial }
    guard bytes.byte(0) == Octets.carriageReturn else { return .whole }
    guard end > 1 else { return .partial }
    guard bytes.byte(1) == Octets.lineFeed else { return .failed(.bareCarriageReturn) }
    section.lineStart = 2
    section.searched = 2
    return .whole
  }

  /// What stands where `HTTP/1.1` CRLF or `HTTP/1.0` CRLF should: the line decides, so wait until it has ended.
  private mutating func badVersion(_ bytes: RawSpan, at offset: Int, end: Int) -> StartLine {
    guard let lineFeed = bytes.firstLineFeed(from: offset, to: end) else { return partial(end) }
    for control in offset..<max(offset, lineFeed - 1) where bytes.byte(control) < 0x20 || bytes.byte(control) == 0x7f {
      return .failed(FieldSection.faultOfControl(bytes.byte(control)))
    }
    guard lineFeed > offset, bytes.byte(lineFeed - 1) == Octets.carriageReturn else { return .failed(.bareLineFeed) }
    guard lineFeed - offset > 5 else { return .failed(.badRequestLine) }
    for index in 0..<5 where bytes.byte(offset + index) != UInt8(truncatingIfNeeded: Self.http1 &>> UInt64(8 * index)) {
      return .failed(.badRequestLine)
    }
    for offset in offset..<lineFeed - 1 where bytes.byte(offset) == Octets.space { return .failed(.badRequestLine) }
    return .failed(.unknownVersion)
  }

  /// RFC 9112 section 3.2; `query` is the offset of the first question mark, or negative.
  private mutating func readTarget(_ bytes: RawSpan, query: Int) -> HTTPFault? {
    let start = Int(target.start)
    switch bytes.byte(start) {
    case UInt8(ascii: "/"):
      targetForm = .origin
      originForm = target
    case UInt8(ascii: "*"):
      guard target.count == 1, method == .options else { return .badTarget }
      targetForm = .asterisk
      originForm = target
    default:
      targetForm = .absolute
      if target.count > 7, bytes.equalsFolded(at: start, "http:"), bytes.byte(start + 5) == UInt8(ascii: "/") {
        isSecureTarget = false
      } else if target.count > 8, bytes.equalsFolded(at: start, "https:"), bytes.byte(start + 6) == UInt8(ascii: "/") {
        isSecureTarget = true
      } else {
        return .badTarget
      }
      let first = start + (isSecureTarget ? 8 : 7)
      guard bytes.byte(first - 1) == UInt8(ascii: "/") else { return .badTarget }
      var offset = first
      while offset < target.end, bytes.byte(offset) != UInt8(ascii: "/"), offset != query { offset += 1 }
      authority = HeadSlice(start: first, count: offset - first)
      guard Authority(authority, in: bytes) != nil else { return .badHost }
      originForm = HeadSlice(start: offset, count: target.end - offset)
    }
    let pathEnd = query < 0 ? originForm.end : query
    path = HeadSlice(start: Int(originForm.start), count: pathEnd - Int(originForm.start))
    return nil
  }
}
