/// A JSON value (RFC 8259) as tokens and key sets hold it. An object's members are unique: text in which one comes twice is refused, as two
/// readers could take either.
enum StrictJSON: Equatable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([StrictJSON])
  case object([String: StrictJSON])

  var object: [String: StrictJSON]? { if case .object(let members) = self { members } else { nil } }
  var array: [StrictJSON]? { if case .array(let elements) = self { elements } else { nil } }
  var string: String? { if case .string(let text) = self { text } else { nil } }
  var number: Double? { if case .number(let number) = self { number } else { nil } }

  /// As JSON, with members in alphabetical order.
  var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let number): number == number.rounded() && abs(number) < 1e15 ? "\(Int64(number))" : "\(number)"
    case .string(let text): JSONText.quoted(text)
    case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
    case .object(let members): JSONText.object(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text) })
    }
  }

  /// A text, or a list of texts.
  var strings: [String]? {
    switch self {
    case .string(let text): return [text]
    case .array(let elements):
      let texts = elements.compactMap(\.string)
      return texts.count == elements.count ? texts : nil
    default: return nil
    }
  }
}

/// Why text is not JSON that is taken.
enum StrictJSONError: Error, Equatable, Sendable {
  case malformed
  case duplicateMember
  case tooDeep
}

extension StrictJSON {
  static let maximumDepth = 16

  init(_ bytes: [UInt8]) throws(StrictJSONError) {
    var reader = Reader(bytes: bytes)
    self = try reader.value(depth: 0)
    reader.skipBlanks()
    guard reader.position == bytes.count else { throw .malformed }
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    mutating func skipBlanks() {
      while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    }

    private mutating func next() throws(StrictJSONError) -> UInt8 {
      guard position < bytes.count else { throw .malformed }
      defer { position += 1 }
      return bytes[position]
    }

    /// The next byte that is no blank, which stays.
    private mutating func peek() throws(StrictJSONError) -> UInt8 {
      skipBlanks()
      guard position < bytes.count else { throw .malformed }
      return bytes[position]
    }

    mutating func value(depth: Int) throws(StrictJSONError) -> StrictJSON {
      switch try peek() {
      case UInt8(ascii: "{"): return try object(depth: depth)
      case UInt8(ascii: "["): return try array(depth: depth)
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "t"): return try word("true", .bool(true))
      case UInt8(ascii: "f"): return try word("false", .bool(false))
      case UInt8(ascii: "n"): return try word("null", .null)
      default: return .number(try number())
      }
    }

    private mutating func word(_ text: String, _ value: StrictJSON) throws(StrictJSONError) -> StrictJSON {
      guard bytes[position...].starts(with: text.utf8) else { throw .malformed }
      position += text.utf8.count
      return value
    }

    private mutating func object(depth: Int) throws(StrictJSONError) -> StrictJSON {
      guard depth < StrictJSON.maximumDepth else { throw .tooDeep }
      position += 1
      var members: [String: StrictJSON] = [:]
      if try peek() == UInt8(ascii: "}") {
        position += 1
        return .object(members)
      }
      while true {
        guard try peek() == UInt8(ascii: "\"") else { throw .malformed }
        let name = try string()
        guard try peek() == UInt8(ascii: ":") else { throw .malformed }
        position += 1
        let value = try value(depth: depth + 1)
        guard members.updateValue(value, forKey: name) == nil else { throw .duplicateMember }
        if try isEnd(UInt8(ascii: "}")) { return .object(members) }
      }
    }

    private mutating func array(depth: Int) throws(StrictJSONError) -> StrictJSON {
      guard depth < StrictJSON.maximumDepth else { throw .tooDeep }
      position += 1
      var elements: [StrictJSON] = []
      if try peek() == UInt8(ascii: "]") {
        position += 1
        return .array(elements)
      }
      while true {
        elements.append(try value(depth: depth + 1))
        if try isEnd(UInt8(ascii: "]")) { return .array(elements) }
      }
    }

    private mutating func isEnd(_ end: UInt8) throws(StrictJSONError) -> Bool {
      let byte = try peek()
      guard byte == end || byte == UInt8(ascii: ",") else { throw .malformed }
      position += 1
      return byte == end
    }

    // MARK: Texts

    private mutating func string() throws(StrictJSONError) -> String {
      position += 1
      var text: [UInt8] = []
      while true {
        let byte = try next()
        switch byte {
        case UInt8(ascii: "\""):
          guard let text = String(validating: text, as: UTF8.self) else { throw .malformed }
          return text
        case UInt8(ascii: "\\"): try escape(into: &text)
        case ..<0x20: throw .malformed
        default: text.append(byte)
        }
      }
    }

    private mutating func escape(into text: inout [UInt8]) throws(StrictJSONError) {
      switch try next() {
      case UInt8(ascii: "\""): text.append(0x22)
      case UInt8(ascii: "\\"): text.append(0x5C)
      case UInt8(ascii: "/"): text.append(0x2F)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "u"):
        let unit = try codeUnit()
        var scalar = UInt32(unit)
        if 0xD800..<0xDC00 ~= unit {
          guard try next() == UInt8(ascii: "\\"), try next() == UInt8(ascii: "u") else { throw .malformed }
          let low = try codeUnit()
          guard 0xDC00..<0xE000 ~= low else { throw .malformed }
          scalar = 0x10000 + (UInt32(unit - 0xD800) << 10 | UInt32(low - 0xDC00))
        }
        guard let scalar = Unicode.Scalar(scalar) else { throw .malformed }
        text.append(contentsOf: String(Character(scalar)).utf8)
      default: throw .malformed
      }
    }

    private mutating func codeUnit() throws(StrictJSONError) -> UInt16 {
      var unit: UInt16 = 0
      for _ in 0..<4 {
        let byte = try next()
        switch byte {
        case 0x30...0x39: unit = unit << 4 | UInt16(byte - 0x30)
        case 0x41...0x46, 0x61...0x66: unit = unit << 4 | UInt16((byte | 0x20) - 0x57)
        default: throw .malformed
        }
      }
      return unit
    }

    // MARK: Numbers

    /// By the grammar of JSON, which is less than what `Double` reads; nothing that is not finite.
    private mutating func number() throws(StrictJSONError) -> Double {
      let start = position
      if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
      let whole = digits()
      guard whole > 0, whole == 1 || bytes[position - whole] != UInt8(ascii: "0") else { throw .malformed }
      if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
        position += 1
        guard digits() > 0 else { throw .malformed }
      }
      if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
        position += 1
        if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") { position += 1 }
        guard digits() > 0 else { throw .malformed }
      }
      guard let number = Double(String(decoding: bytes[start..<position], as: UTF8.self)), number.isFinite else { throw .malformed }
      return number
    }

    private mutating func digits() -> Int {
      let start = position
      while position < bytes.count, 0x30...0x39 ~= bytes[position] { position += 1 }
      return position - start
    }
  }
}
