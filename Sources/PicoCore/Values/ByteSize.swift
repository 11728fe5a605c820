/// A number of bytes as it stands in a configuration: `64KiB`, `1MiB`, `2GiB` or plain bytes (`512`, `512B`).
package struct ByteSize: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let bytes: Int

  package init(bytes: Int) {
    self.bytes = bytes
  }

  package static func kibibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count * 1024) }
  package static func mebibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count * 1024 * 1024) }

  /// Throws on a sign, a fraction, another unit (`KB` could mean 1000 or 1024) and what 63 bits do not hold.
  package init(text: some StringProtocol) throws(MalformedValue) {
    let malformed = MalformedValue(text, isNot: "a size", like: "64KiB, 1MiB, 512")
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit: Int
    switch String(text.dropFirst(digits.count)) {
    case "", "B": unit = 1
    case "KiB": unit = 1 << 10
    case "MiB": unit = 1 << 20
    case "GiB": unit = 1 << 30
    case "TiB": unit = 1 << 40
    default: throw malformed
    }
    guard let number = Int(digits) else { throw malformed }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { throw malformed }
    self.bytes = bytes
  }

  /// In the largest unit that leaves no fraction; `init(text:)` reads it back.
  package var description: String {
    guard bytes != 0 else { return "0" }
    for (unit, power) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] where bytes % (1 << power) == 0 {
      return "\(bytes >> power)\(unit)"
    }
    return "\(bytes)"
  }

  package static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }
}
