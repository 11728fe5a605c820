/// A set of characters, without regard to case.
struct ScalarSet: Equatable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>] = []
  var isNegated = false
  /// The one character that it was made of.
  private(set) var single: Unicode.Scalar?

  init() {}

  init(_ scalar: Unicode.Scalar) {
    ranges = [scalar.value...scalar.value]
    single = scalar
  }

  static let any: ScalarSet = {
    var set = ScalarSet()
    set.isNegated = true
    return set
  }()

  mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }
  mutating func insert(_ scalar: Unicode.Scalar) { insert(scalar.value...scalar.value) }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    if isIn(scalar.value) { return !isNegated }
    if scalar.isASCII {
      let isLetter = (0x41...0x5A).contains(scalar.value & ~0x20)
      return (isLetter && isIn(scalar.value ^ 0x20)) != isNegated
    }
    for mapped in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
      let scalars = mapped.unicodeScalars
      if scalars.count == 1, let other = scalars.first, !other.isASCII, isIn(other.value) { return !isNegated }
    }
    return isNegated
  }

  private func isIn(_ value: UInt32) -> Bool {
    for range in ranges where range.contains(value) { return true }
    return false
  }

  /// `\d`, `\w`, `\s` in their ASCII sense; nil for another letter.
  static func named(_ letter: Character) -> [ClosedRange<UInt32>]? {
    switch letter {
    case "d": [0x30...0x39]
    case "w": [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    case "s": [0x09...0x0D, 0x20...0x20]
    default: nil
    }
  }

  /// What is in none of the ranges, which are in order and do not touch.
  static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    var next: UInt32 = 0
    for range in ranges {
      if next < range.lowerBound { result.append(next...(range.lowerBound - 1)) }
      next = range.upperBound + 1
    }
    result.append(next...0x10FFFF)
    return result
  }
}
