import PicoCore
import Testing

@testable import PicoStatus

@Suite struct JSONTests {
  private static func read<Value: JSONValue>(_ text: String, as: Value.Type = Value.self) throws(JSONError) -> Value {
    var reader = JSONReader(Array(text.utf8))
    let value = try Value(from: &reader)
    try reader.end()
    return value
  }

  private static func text(_ value: some JSONValue) -> String {
    var writer = JSONWriter()
    value.write(to: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test(arguments: [
    (0.0, "0"), (-0.0, "0"), (1, "1"), (12.5, "12.5"), (0.0004, "0"), (0.0005, "0.001"), (-1.25, "-1.25"), (1234567.891, "1234567.891"),
    (0.1 + 0.2, "0.3"), (.nan, "0"), (.infinity, "0"), (1e300, "1e+300"), (999_999_999_999.999, "999999999999.999"),
  ])
  func `a number has at most three decimals`(value: Double, text: String) {
    #expect(Self.text(value) == text)
  }

  @Test(arguments: [
    ("0", 0.0), ("-0", 0), ("12.5", 12.5), ("1e3", 1000), ("1E-2", 0.01),
    ("100000000000000000000000000000", 1e29),
    ("0.1", 0.1), ("9007199254740992", 9_007_199_254_740_992), (" 7 ", 7),
  ])
  func `a number is read as the nearest double`(text: String, value: Double) throws {
    #expect(try Self.read(text) == value)
  }

  @Test(arguments: [
    "\"a\\\"b\"", "\"\\u0000\"", "\"\\ud83d\\ude00\"", "\"\u{1F600} é\"", "\"\\b\\f\\n\\r\\t\\/\\\\\"", "\"\"",
  ])
  func `a text survives being written again`(text: String) throws {
    let value: String = try Self.read(text)
    #expect(try Self.read(Self.text(value)) == value)
  }

  @Test(arguments: [
    ("\"\\ud83d\\ude00\"", "😀"), ("\"\\u00e9\"", "é"), ("\"a\\/b\"", "a/b"), ("\"\\t\"", "\t"),
  ])
  func `an escape stands for its character`(text: String, value: String) throws {
    #expect(try Self.read(text) == value)
  }

  @Test(arguments: [
    "", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\n\"", "\"a\" b", "nul",
    "'a'",
  ])
  func `what is no text is refused`(text: String) {
    #expect(throws: JSONError.self) { try Self.read(text, as: String.self) }
  }

  @Test(arguments: ["", "-", "01", "1.", ".5", "1e", "+1", "0x1", "1e999", "NaN", "1 2", "--1", "1,"])
  func `what is no number is refused`(text: String) {
    #expect(throws: JSONError.self) { try Self.read(text, as: Double.self) }
  }

  @Test(arguments: ["1.5", "9223372036854775808", "-9223372036854775809", "1e2", "18446744073709551616", "\"1\""])
  func `what an integer cannot hold is refused`(text: String) {
    #expect(throws: JSONError.self) { try Self.read(text, as: Int.self) }
  }

  @Test func `integers are exact to their ends`() throws {
    #expect(try Self.read("\(UInt64.max)") == UInt64.max)
    #expect(try Self.read("\(Int.min)") == Int.min)
    #expect(Self.text(UInt64.max) == "18446744073709551615")
    #expect(Self.text(Int.min) == "-9223372036854775808")
  }

  @Test func `bytes that are not UTF-8 are refused`() {
    for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22]] {
      #expect(throws: JSONError.self) {
        var reader = JSONReader(bytes)
        _ = try reader.string()
      }
    }
  }

  @Test(arguments: [
    "[1,]", "[,1]", "[1 2]", "[", "]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "{\"a\":1", "{\"a\" 1}", "[1}", "tru", "\u{B}1", "{\"a\":1]",
  ])
  func `what is no JSON is refused, also where it is skipped`(text: String) {
    #expect(throws: JSONError.self) {
      var reader = JSONReader(Array(text.utf8))
      try reader.skip()
      try reader.end()
    }
  }

  @Test func `levels are limited`() throws {
    func nested(_ depth: Int) -> [UInt8] { Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8) }
    var reader = JSONReader(nested(JSONReader.maximumDepth))
    try reader.skip()
    #expect(throws: JSONError.self) {
      var reader = JSONReader(nested(JSONReader.maximumDepth + 1))
      try reader.skip()
    }
    #expect(throws: JSONError.self) {
      var reader = JSONReader(Array(String(repeating: "[", count: 1_000_000).utf8))
      try reader.skip()
    }
  }

  @Test func `an error says where`() {
    #expect(throws: JSONError(reason: "expected a comma or the end", offset: 3)) { try Self.read("[1 2]", as: [Int].self) }
  }

  @Test func `the last of two members of a name counts`() throws {
    #expect(try Self.read(#"{"a":1,"a":2}"#, as: [String: Int].self) == ["a": 2])
  }

  @Test func `a name may be escaped`() throws {
    let row: EndpointRow = try Self.read(#"{"\u0069d":"x","\u0074enant":"t"}"#)
    #expect(row == EndpointRow(id: "x", tenant: "t"))
  }
}
