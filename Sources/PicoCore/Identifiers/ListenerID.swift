/// One registration for one endpoint. Printed as `l-` and 16 hexadecimal digits; 64 random bits, so it is unique in a cluster.
package struct ListenerID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let bits: UInt64

  package init(bits: UInt64) {
    self.bits = bits
  }

  package static func random(using generator: inout some RandomNumberGenerator) -> ListenerID {
    ListenerID(bits: generator.next())
  }

  package static func random() -> ListenerID {
    var generator = SystemRandomNumberGenerator()
    return random(using: &generator)
  }

  /// `nil` unless the text is what `description` gives.
  package init?(_ text: some StringProtocol) {
    guard text.hasPrefix("l-"), let bits = Hexadecimal.value(Substring(text.dropFirst(2))) else { return nil }
    self.bits = bits
  }

  package var description: String { "l-" + Hexadecimal.text(bits) }

  package static func < (left: ListenerID, right: ListenerID) -> Bool { left.bits < right.bits }
}
