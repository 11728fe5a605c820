/// Writes JSON (RFC 8259) into a byte array: UTF-8, no blanks, members in the order of the calls.
///
/// A status message is written many thousand rows at a time while traffic flows, so this does not build values first. The caller nests calls as
/// the text nests; commas are put by the writer.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  /// Whether the next member or element needs a comma before it.
  private var needsComma = false

  package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  // MARK: Containers

  package mutating func object(_ members: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "{"))
    members(&self)
    close(UInt8(ascii: "}"))
  }

  package mutating func array(_ elements: (inout JSONWriter) -> Void) {
    open(UInt8(ascii: "["))
    elements(&self)
    close(UInt8(ascii: "]"))
  }

  private mutating func open(_ byte: UInt8) {
    separate()
    bytes.append(byte)
    needsComma = false
  }

  private mutating func close(_ byte: UInt8) {
    bytes.append(byte)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  /// The name of the next value of an object.
  package mutating func key(_ name: String) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// A name that is already quoted and has its colon.
  mutating func key(quoted: [UInt8]) {
    separate()
    bytes += quoted
    needsComma = false
  }

  /// Members or elements that another writer wrote, without the brackets around them.
  package mutating func fragment(_ written: [UInt8]) {
    guard !written.isEmpty else { return }
    separate()
    bytes += written
  }

  /// A value that is written already.
  package mutating func value(_ written: [UInt8]) {
    separate()
    bytes += written
  }

  // MARK: Values

  package mutating func member(_ name: String, _ value: some JSONValue) {
    key(name)
    value.write(to: &self)
  }

  /// Nothing at all when there is no value.
  package mutating func member<Value: JSONValue>(_ name: String, ifPresent value: Value?) {
    if let value { member(name, value) }
  }

  package mutating func null() {
    separate()
    bytes += [UInt8(ascii: "n"), UInt8(ascii: "u"), UInt8(ascii: "l"), UInt8(ascii: "l")]
  }

  package mutating func bool(_ value: Bool) {
    separate()
    bytes += Array((value ? "true" : "false").utf8)
  }

  package mutating func integer(_ value: some FixedWidthInteger) {
    separate()
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    digits(UInt64(value.magnitude), atLeast: 1)
  }

  /// With at most three decimals, which is all that a rate or a millisecond needs; 0 for what is no number.
  package mutating func number(_ value: Double) {
    separate()
    guard value.isFinite else { return bytes.append(UInt8(ascii: "0")) }
    guard abs(value) < 1e15 else {
      bytes += Array("\(value)".utf8)
      return
    }
    let thousandths = Int64((value * 1000).rounded())
    if thousandths < 0 { bytes.append(UInt8(ascii: "-")) }
    let (whole, rest) = thousandths.magnitude.quotientAndRemainder(dividingBy: 1000)
    digits(whole, atLeast: 1)
    guard rest > 0 else { return }
    bytes.append(UInt8(ascii: "."))
    digits(rest, atLeast: 3)
    while bytes.last == UInt8(ascii: "0") { bytes.removeLast() }
  }

  package mutating func string(_ value: String) {
    separate()
    quote(value)
  }

  private mutating func digits(_ value: UInt64, atLeast count: Int) {
    var buffer = InlineArray<20, UInt8>(repeating: 0)
    var index = 20
    var rest = value
    while rest > 0 || index > 20 - count {
      index -= 1
      buffer[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    for place in index..<20 { bytes.append(buffer[place]) }
  }

  private static let hexadecimal = Array("0123456789abcdef".utf8)

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x0A: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case 0x0D: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "r")]
      case 0x09: bytes += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
      case 0..<0x20:
        bytes += [
          UInt8(ascii: "\\"), UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"), Self.hexadecimal[Int(byte >> 4)],
          Self.hexadecimal[Int(byte & 15)],
        ]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
