/// Why bytes are not the JSON that was wanted, and where.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  package var reason: String
  /// Of the first byte that is wrong, from 0.
  package var offset: Int

  package var description: String { "\(reason) at byte \(offset)" }
}

/// Reads JSON (RFC 8259) from a byte array, front to back, as the caller asks for it.
///
/// Strict: no blanks but the four, no number that JSON does not have, no unpaired surrogate, no byte that is not UTF-8, at most 32 levels. The
/// caller bounds the size. Of a member that comes twice the last one counts.
package struct JSONReader: Sendable {
  private let bytes: [UInt8]
  private var position = 0
  private var depth = 0

  package static let maximumDepth = 32

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package func failure(_ reason: String) -> JSONError { JSONError(reason: reason, offset: position) }

  /// Nothing but blanks may be left.
  package mutating func end() throws(JSONError) {
    skipBlanks()
    guard position == bytes.count else { throw failure("text behind the value") }
  }

  // MARK: Bytes

  private mutating func skipBlanks() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  /// The next byte that is no blank, which stays.
  private mutating func peek() throws(JSONError) -> UInt8 {
    skipBlanks()
    guard position < bytes.count else { throw failure("unexpected end") }
    return bytes[position]
  }

  private mutating func expect(_ byte: UInt8, _ name: String) throws(JSONError) {
    guard try peek() == byte else { throw failure("expected \(name)") }
    position += 1
  }

  private mutating func expect(word: StaticString) throws(JSONError) {
    for index in 0..<word.utf8CodeUnitCount {
      // `index` is below the length.
      guard position < bytes.count, unsafe bytes[position] == word.utf8Start[index] else { throw failure("expected \(word)") }
      position += 1
    }
  }

  // MARK: Containers

  /// Calls `member` at each value of an object, with its name. `member` takes the value, by ``skip()`` if nothing else.
  package mutating func object(_ member: (inout JSONReader, borrowing JSONKey) throws(JSONError) -> Void) throws(JSONError) {
    try expect(UInt8(ascii: "{"), "an object")
    try enter()
    if try peek() == UInt8(ascii: "}") {
      position += 1
    } else {
      while true {
        guard try peek() == UInt8(ascii: "\"") else { throw failure("expected a name") }
        let name = try key()
        try expect(UInt8(ascii: ":"), "a colon")
        try member(&self, name)
        if try separator(or: UInt8(ascii: "}")) { break }
      }
    }
    depth -= 1
  }

  /// Calls `element` at each element of an array; it takes the element.
  package mutating func array(_ element: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
    try expect(UInt8(ascii: "["), "an array")
    try enter()
    if try peek() == UInt8(ascii: "]") {
      position += 1
    } else {
      repeat { try element(&self) } while try !separator(or: UInt8(ascii: "]"))
    }
    depth -= 1
  }

  private mutating func enter() throws(JSONError) {
    guard depth < Self.maximumDepth else { throw failure("more than \(Self.maximumDepth) levels") }
    depth += 1
  }

  /// True at the end of the container.
  private mutating func separator(or end: UInt8) throws(JSONError) -> Bool {
    let byte = try peek()
    guard byte == UInt8(ascii: ",") || byte == end else { throw failure("expected a comma or the end") }
    position += 1
    return byte == end
  }

  /// Names are short and mostly plain: they are compared where they stand.
  private mutating func key() throws(JSONError) -> JSONKey {
    let start = position + 1
    var index = start
    while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\\"), bytes[index] >= 0x20,
      bytes[index] < 0x80
    { index += 1 }
    if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
      position = index + 1
      return JSONKey(bytes: bytes[start..<index])
    }
    return JSONKey(bytes: Array(try string().utf8)[...])
  }

  // MARK: Values

  /// Whether the next value is null, which is then taken.
  package mutating func null() throws(JSONError) -> Bool {
    guard try peek() == UInt8(ascii: "n") else { return false }
    try expect(word: "null")
    return true
  }

  package mutating func bool() throws(JSONError) -> Bool {
    switch try peek() {
    case UInt8(ascii: "t"):
      try expect(word: "true")
      return true
    case UInt8(ascii: "f"):
      try expect(word: "false")
      return false
    default: throw failure("expected true or false")
    }
  }

  /// Throws for a fraction and for what the type cannot hold.
  package mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(JSONError) -> Value {
    let start = position
    guard let number = try decimal(), number.isWhole, !number.isCut,
      let value = number.isNegative ? Value(exactly: -Int128(number.digits)) : Value(exactly: number.digits)
    else {
      position = start
      throw failure("expected a whole number in range")
    }
    return value
  }

  package mutating func number() throws(JSONError) -> Double {
    skipBlanks()
    let start = position
    guard let number = try decimal() else { throw failure("expected a number") }
    // Both exact: the quotient is then the nearest double.
    if !number.isCut, number.digits < 1 << 53, (-22...0).contains(number.exponent) {
      let value = Double(number.digits) / Self.powers[-number.exponent]
      return number.isNegative ? -value : value
    }
    guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)), value.isFinite else {
      position = start
      throw failure("a number out of range")
    }
    return value
  }

  private static let powers: [Double] = (0...22).reduce(into: []) { powers, _ in powers.append((powers.last ?? 0.1) * 10) }

  private struct Decimal {
    var isNegative = false
    var digits: UInt64 = 0
    /// The power of ten that the digits are multiplied with.
    var exponent = 0
    /// There were more digits than fit.
    var isCut = false
    var isWhole = true
  }

  /// nil when there is no number; the position is behind it otherwise.
  private mutating func decimal() throws(JSONError) -> Decimal? {
    var number = Decimal()
    if try peek() == UInt8(ascii: "-") {
      number.isNegative = true
      position += 1
    }
    guard position < bytes.count, Self.isDigit(bytes[position]) else { return nil }
    if bytes[position] == UInt8(ascii: "0") {
      position += 1
      if position < bytes.count, Self.isDigit(bytes[position]) { throw failure("a zero before a number") }
    } else {
      takeDigits(&number)
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      let start = position
      takeDigits(&number)
      guard position > start else { throw failure("expected a digit") }
      number.exponent = start - position
      number.isWhole = false
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") { position += 1 }
      let start = position
      var ignored = Decimal()
      takeDigits(&ignored)
      guard position > start else { throw failure("expected a digit") }
      number.isWhole = false
      number.isCut = true
    }
    return number
  }

  private mutating func takeDigits(_ number: inout Decimal) {
    while position < bytes.count, Self.isDigit(bytes[position]) {
      let (product, isOver) = number.digits.multipliedReportingOverflow(by: 10)
      let (sum, isOverToo) = product.addingReportingOverflow(UInt64(bytes[position] - UInt8(ascii: "0")))
      if isOver || isOverToo { number.isCut = true } else { number.digits = sum }
      position += 1
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  package mutating func string() throws(JSONError) -> String {
    try expect(UInt8(ascii: "\""), "a string")
    let start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\"), bytes[position] >= 0x20 {
      position += 1
    }
    if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
      guard let text = String(validating: bytes[start..<position], as: UTF8.self) else { throw failure("not UTF-8") }
      position += 1
      return text
    }
    var text = Array(bytes[start..<position])
    while true {
      guard position < bytes.count else { throw failure("unexpected end") }
      let byte = bytes[position]
      guard byte >= 0x20 else { throw failure("a control character in a string") }
      position += 1
      if byte == UInt8(ascii: "\"") { break }
      if byte == UInt8(ascii: "\\") { text += try escape().utf8 } else { text.append(byte) }
    }
    guard let text = String(validating: text, as: UTF8.self) else { throw failure("not UTF-8") }
    return text
  }

  /// The next value if it is a text; any other is taken all the same.
  package mutating func stringOrSkip() throws(JSONError) -> String? {
    if try peek() == UInt8(ascii: "\"") { return try string() }
    try skip()
    return nil
  }

  private mutating func escape() throws(JSONError) -> String {
    guard position < bytes.count else { throw failure("unexpected end") }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw failure("an unknown escape")
    }
    let unit = try codeUnit()
    if let scalar = Unicode.Scalar(unit) { return String(scalar) }
    guard unit < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u") else {
      throw failure("an unpaired surrogate")
    }
    position += 2
    let low = try codeUnit()
    guard (0xDC00...0xDFFF).contains(low), let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + UInt32(low) - 0xDC00)
    else {
      throw failure("an unpaired surrogate")
    }
    return String(scalar)
  }

  private mutating func codeUnit() throws(JSONError) -> UInt16 {
    guard position + 4 <= bytes.count else { throw failure("unexpected end") }
    var unit: UInt16 = 0
    for _ in 0..<4 {
      let byte = bytes[position]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw failure("expected a hexadecimal digit")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  /// Takes the next value, whatever it is, and gives its text.
  package mutating func text() throws(JSONError) -> [UInt8] {
    skipBlanks()
    let start = position
    try skip()
    return Array(bytes[start..<position])
  }

  /// Takes the next value, whatever it is.
  package mutating func skip() throws(JSONError) {
    switch try peek() {
    case UInt8(ascii: "{"): try object { (reader, _) throws(JSONError) in try reader.skip() }
    case UInt8(ascii: "["): try array { (reader) throws(JSONError) in try reader.skip() }
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try bool()
    case UInt8(ascii: "n"): _ = try null()
    default: _ = try number()
    }
  }
}

/// The name of a member, where it stands in the text.
package struct JSONKey {
  let bytes: ArraySlice<UInt8>

  package var text: String { String(decoding: bytes, as: UTF8.self) }

  package static func ~= (name: StaticString, key: borrowing JSONKey) -> Bool { key.is(name) }

  package func `is`(_ name: StaticString) -> Bool {
    guard bytes.count == name.utf8CodeUnitCount else { return false }
    for index in 0..<bytes.count {
      // `index` is below the length of both.
      guard unsafe bytes[bytes.startIndex + index] == name.utf8Start[index] else { return false }
    }
    return true
  }
}
