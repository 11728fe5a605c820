/// The name that an agent gives itself: 1 to 128 visible ASCII characters. Nothing verifies it.
package struct AgentID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let text: String

  /// The most bytes an ID has.
  package static let maximumLength = 128

  /// `nil` unless the text is 1 to 128 bytes of `!` to `~`.
  package init?(_ text: some StringProtocol) {
    guard Self.isText(text.utf8) else { return nil }
    self.text = String(text)
  }

  /// `nil` unless the bytes are 1 to 128 of `!` to `~`. They are copied.
  package init?(bytes: UnsafeRawBufferPointer) {
    guard unsafe Self.isText(bytes) else { return nil }
    // Every byte is ASCII by the line above, so decoding repairs nothing.
    text = unsafe String(decoding: bytes, as: UTF8.self)
  }

  /// `a-` and 16 hexadecimal digits.
  package static func random(using generator: inout some RandomNumberGenerator) -> AgentID {
    AgentID(random: generator.next())
  }

  package static func random() -> AgentID {
    AgentID(random: .random(in: 0 ... .max))
  }

  private init(random bits: UInt64) {
    text = "a-" + Hexadecimal.text(bits)
  }

  private static func isText(_ bytes: some Collection<UInt8>) -> Bool {
    let count = bytes.count
    return count >= 1 && count <= maximumLength && bytes.allSatisfy { $0 >= 0x21 && $0 <= 0x7E }
  }

  package var description: String { text }

  package static func < (left: AgentID, right: AgentID) -> Bool { left.text < right.text }
}
