/// One header line. Offsets count from the head's first byte.
package struct HeaderField: Equatable, Sendable {
  var start: Int32
  var nameCount: Int32
  var valueStart: Int32
  var valueCount: Int32
  /// Behind the line's CRLF.
  var end: Int32
  package internal(set) var name: FieldName
  /// Does not go on: an option of `Connection` that is none of the known names has named this line, or another one takes its place.
  var isLeftOut = false

  package var nameSlice: HeadSlice { HeadSlice(start: Int(start), count: Int(nameCount)) }
  /// Without the white space around it.
  package var value: HeadSlice { HeadSlice(start: Int(valueStart), count: Int(valueCount)) }
  /// With its CRLF.
  package var line: HeadSlice { HeadSlice(start: Int(start), count: Int(end - start)) }
}

/// The field lines of a head, read line by line, and what those say that requests and responses have in common: framing and the
/// options of the connection. The arrays keep their capacity from one head to the next.
struct FieldSection: Sendable {
  static let maxFields = 200
  static let maxConnectionOptions = 32

  private(set) var fields: [HeaderField] = []
  private(set) var present: FieldNames = []
  private(set) var repeated: FieldNames = []
  /// Index of the first field of each name that is in `present`; the rest is of an older head.
  private var first = InlineArray<32, UInt8>(repeating: 0)
  private(set) var contentLength: Int64?
  private(set) var isChunked = false
  private(set) var closes = false
  private(set) var connectionOptions: FieldNames = []
  private var otherOptions: [HeadSlice] = []
  /// Of the line that is read next.
  var lineStart = 0
  /// Up to here there is no line feed in that line.
  var searched = 0

  init() {
    fields.reserveCapacity(32)
  }

  mutating func reset() {
    fields.removeAll(keepingCapacity: true)
    present = []
    repeated = []
    contentLength = nil
    isChunked = false
    closes = false
    connectionOptions = []
    lineStart = 0
    searched = 0
  }

  func value(_ name: FieldName) -> HeadSlice? {
    guard present.contains(name) else { return nil }
    return fields[Int(first[Int(name.rawValue)])].value
  }

  /// Lines of these names do not go on.
  mutating func leaveOut(where isLeftOut: (HeadSlice) -> Bool) {
    for index in fields.indices where fields[index].name == .other && isLeftOut(fields[index].nameSlice) { fields[index].isLeftOut = true }
  }

  enum Progress: Equatable {
    case incomplete
    /// The empty line was read; the head is as long as this.
    case complete(Int)
    case failed(HTTPFault)
  }

  /// Whether the line at `lineStart` may be whole: false costs only a look at the bytes that are new.
  mutating func mayHoldLine(_ bytes: RawSpan, end: Int) -> Bool {
    guard searched > lineStart else { return true }
    guard bytes.firstLineFeed(from: searched, to: end) != nil else {
      searched = end
      return false
    }
    return true
  }

  /// Reads lines up to the empty one. `end` bounds what may be looked at.
  mutating func parse(_ bytes: RawSpan, end: Int) -> Progress {
    while true {
      guard mayHoldLine(bytes, end: end) else { return .incomplete }
      switch Self.line(bytes, at: lineStart, end: end) {
      case .partial:
        searched = end
        return .incomplete
      case .failed(let fault): return .failed(fault)
      case .blank(let headBytes):
        lineStart = headBytes
        if let fault = finish(bytes) { return .failed(fault) }
        return .complete(headBytes)
      case .field(let field):
        lineStart = Int(field.end)
        if let fault = add(field, bytes) { return .failed(fault) }
      }
    }
  }

  enum Line {
    case partial
    case blank(end: Int)
    case field(HeaderField)
    case failed(HTTPFault)
  }

  @inline(__always)
  static func line(_ bytes: RawSpan, at start: Int, end: Int) -> Line {
    var offset = bytes.endOfToken(from: start, to: end)
    guard offset < end else { return .partial }
    guard bytes.byte(offset) == UInt8(ascii: ":"), offset > start else { return lineWithoutName(bytes, start: start, at: offset, end: end) }
    let name = HeadSlice(start: start, count: offset - start)
    offset += 1
    while offset < end, Octets.isBlank(bytes.byte(offset)) { offset += 1 }
    let valueStart = offset
    offset = bytes.endOfFieldText(from: offset, to: end)
    guard offset < end else { return .partial }
    guard bytes.byte(offset) == Octets.carriageReturn else { return .failed(faultOfControl(bytes.byte(offset))) }
    guard offset + 1 < end else { return .partial }
    guard bytes.byte(offset + 1) == Octets.lineFeed else { return .failed(.bareCarriageReturn) }
    var valueEnd = offset
    while valueEnd > valueStart, Octets.isBlank(bytes.byte(valueEnd - 1)) { valueEnd -= 1 }
    return .field(
      HeaderField(
        start: name.start, nameCount: name.count, valueStart: Int32(truncatingIfNeeded: valueStart),
        valueCount: Int32(truncatingIfNeeded: valueEnd - valueStart), end: Int32(truncatingIfNeeded: offset + 2),
        name: FieldName(name, in: bytes)))
  }

  /// The line at `start` has no colon behind a token; `offset` is the first byte that is no token character.
  private static func lineWithoutName(_ bytes: RawSpan, start: Int, at offset: Int, end: Int) -> Line {
    let octet = bytes.byte(offset)
    switch octet {
    case Octets.carriageReturn:
      guard offset + 1 < end else { return .partial }
      guard bytes.byte(offset + 1) == Octets.lineFeed else { return .failed(.bareCarriageReturn) }
      return offset == start ? .blank(end: offset + 2) : .failed(.missingColon)
    case Octets.space, Octets.tab: return .failed(offset == start ? .obsoleteFold : .spaceBeforeColon)
    case UInt8(ascii: ":"): return .failed(.emptyFieldName)
    case _ where octet < 0x20: return .failed(faultOfControl(octet))
    default: return .failed(.badFieldName)
    }
  }

  static func faultOfControl(_ octet: UInt8) -> HTTPFault {
    switch octet {
    case Octets.lineFeed: .bareLineFeed
    case Octets.carriageReturn: .bareCarriageReturn
    case 0: .nulByte
    default: .controlCharacter
    }
  }

  @inline(__always)
  private mutating func add(_ field: HeaderField, _ bytes: RawSpan) -> HTTPFault? {
    guard fields.count < Self.maxFields else { return .tooManyFields }
    let name = field.name
    if name != .other {
      if present.contains(name) {
        repeated.insert(name)
      } else {
        present.insert(name)
        first[Int(name.rawValue)] = UInt8(truncatingIfNeeded: fields.count)
      }
      if let fault = note(field, bytes) { return fault }
    }
    fields.append(field)
    return nil
  }

  private mutating func note(_ field: HeaderField, _ bytes: RawSpan) -> HTTPFault? {
    switch field.name {
    case .contentLength:
      if repeated.contains(.contentLength) { return .repeatedContentLength }
      guard let length = Self.contentLength(field.value, bytes) else { return .badContentLength }
      contentLength = length
    case .transferEncoding:
      if repeated.contains(.transferEncoding) { return .repeatedTransferEncoding }
      guard bytes.equals(field.value, folded: "chunked") else { return .badTransferEncoding }
      isChunked = true
    default: break
    }
    return nil
  }

  /// Digits only, and no more than an Int64 holds (RFC 9112 section 6.3, without its list rule).
  private static func contentLength(_ value: HeadSlice, _ bytes: RawSpan) -> Int64? {
    guard value.count > 0, value.count <= 19 else { return nil }
    var length: Int64 = 0
    for offset in value.range {
      let octet = bytes.byte(offset)
      guard Octets.isDigit(octet) else { return nil }
      let (product, tooLarge) = length.multipliedReportingOverflow(by: 10)
      let (sum, larger) = product.addingReportingOverflow(Int64(octet &- 0x30))
      if tooLarge || larger { return nil }
      length = sum
    }
    return length
  }

  /// What can only be said once all lines are there.
  private mutating func finish(_ bytes: RawSpan) -> HTTPFault? {
    if isChunked, contentLength != nil { return .contentLengthAndTransferEncoding }
    guard present.contains(.connection) else { return nil }
    otherOptions.removeAll(keepingCapacity: true)
    for index in fields.indices where fields[index].name == .connection {
      if let fault = readOptions(fields[index].value, bytes) { return fault }
    }
    guard !otherOptions.isEmpty else { return nil }
    for index in fields.indices where fields[index].name == .other {
      let name = fields[index].nameSlice
      for option in otherOptions where bytes.equalsFolded(option, name) { fields[index].isLeftOut = true }
    }
    return nil
  }

  private mutating func readOptions(_ value: HeadSlice, _ bytes: RawSpan) -> HTTPFault? {
    var list = ListElements(value)
    while let option = list.next(bytes) {
      for offset in option.range where !OctetSet.token.contains(bytes.byte(offset)) { return .badConnectionOption }
      if bytes.equals(option, folded: "close") {
        closes = true
        continue
      }
      let name = FieldName(option, in: bytes)
      if name != .other {
        connectionOptions.insert(name)
      } else {
        guard otherOptions.count < Self.maxConnectionOptions else { return .tooManyConnectionOptions }
        otherOptions.append(option)
      }
    }
    return nil
  }
}

/// The elements of a comma-separated value (RFC 9110 section 5.6.1) without white space around them; empty ones are skipped.
/// Not for values with quoted strings.
struct ListElements {
  private var offset: Int
  private let end: Int

  init(_ value: HeadSlice) {
    offset = Int(value.start)
    end = value.end
  }

  mutating func next(_ bytes: RawSpan) -> HeadSlice? {
    while offset < end {
      let octet = bytes.byte(offset)
      guard Octets.isBlank(octet) || octet == UInt8(ascii: ",") else { break }
      offset += 1
    }
    guard offset < end else { return nil }
    let start = offset
    while offset < end, bytes.byte(offset) != UInt8(ascii: ",") { offset += 1 }
    var last = offset
    while last > start, Octets.isBlank(bytes.byte(last - 1)) { last -= 1 }
    return HeadSlice(start: start, count: last - start)
  }
}
