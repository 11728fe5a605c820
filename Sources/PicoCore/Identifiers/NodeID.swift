/// One `pico server` process; new at each boot. A prefix that the operator chose (`node.id-prefix`) and 16 hexadecimal digits.
package struct NodeID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let text: String

  /// The most bytes a prefix has.
  package static let maximumPrefixLength = 64

  /// `nil` unless the prefix is at most 64 bytes of `A-Z a-z 0-9 . _ ~ -`. It may be empty.
  package init?(prefix: String, using generator: inout some RandomNumberGenerator) {
    guard Self.isPrefix(prefix) else { return nil }
    text = prefix + Hexadecimal.text(generator.next())
  }

  package init?(prefix: String) {
    var generator = SystemRandomNumberGenerator()
    self.init(prefix: prefix, using: &generator)
  }

  /// `nil` unless the text is a prefix and 16 hexadecimal digits.
  package init?(_ text: String) {
    guard text.utf8.count >= 16, text.utf8.allSatisfy({ $0 < 0x80 }), Hexadecimal.value(text.suffix(16)) != nil,
      Self.isPrefix(text.dropLast(16))
    else { return nil }
    self.text = text
  }

  package static func isPrefix(_ text: some StringProtocol) -> Bool {
    text.utf8.count <= maximumPrefixLength && text.utf8.allSatisfy(EndpointID.isNameByte)
  }

  package var description: String { text }

  package static func < (left: NodeID, right: NodeID) -> Bool { left.text < right.text }
}
