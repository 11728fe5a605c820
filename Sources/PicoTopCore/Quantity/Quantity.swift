/// A measured value as a short text for a table. The text is ASCII, never wider than `width` says, and of three digits at most: what is not zero is
/// never shown as zero, and what is no number is a hyphen.
package enum Quantity: Equatable, Sendable {
  /// A second: `0`, `0.12`, `12.3`, `123`, `1.2k`, `34M`.
  case rate(Double)
  /// `0`, `0.25ms`, `1.2ms`, `12ms`, `1.2s`, `12s`, `3m`.
  case milliseconds(Double)
  /// In units of 1024: `0`, `512B`, `3.4K`, `12M`.
  case bytes(Double)
  /// How long something is or lasts: `5s`, `3m12s`, `4h05m`, `2d`, `3y`.
  case age(Duration)
  /// A part of a whole, 1 being all of it: `0%`, `0.5%`, `12%`.
  case share(Double)
  /// `0`, `9999`, `12.3k`, `123k`, `1.23M`.
  case count(UInt64)

  /// The most columns that the text takes.
  package var width: Int {
    switch self {
    case .rate, .count: 5
    case .milliseconds, .age: 6
    case .bytes, .share: 4
    }
  }

  package var text: String {
    switch self {
    case .rate(let value): Self.number(value, Self.rate)
    case .milliseconds(let value): Self.number(value, Self.milliseconds)
    case .bytes(let value): Self.number(value, Self.bytes)
    case .age(let age): Self.age(Swift.max(0, age.components.seconds))
    case .share(let value): Self.number(value, Self.share)
    case .count(let value): value < 10_000 ? "\(value)" : Self.scaled(Double(value), base: 1000, units: Self.decimalUnits, digits: 3)
    }
  }

  // MARK: Kinds

  /// What cannot be measured is nothing, what is below zero is zero.
  private static func number(_ value: Double, _ text: (Double) -> String) -> String { value.isNaN ? "-" : text(Swift.max(0, value)) }

  private static func rate(_ value: Double) -> String {
    if value == 0 { return "0" }
    if value < 0.01 { return "<0.01" }
    if value < 999.5 { return significant(value, digits: 3) }
    return scaled(value, base: 1000, units: decimalUnits, digits: 2)
  }

  private static func milliseconds(_ value: Double) -> String {
    if value == 0 { return "0" }
    if value < 0.01 { return "<.01ms" }
    if value < 0.995 { return fixed(value, decimals: 2) + "ms" }
    if value < 999.5 { return significant(value, digits: 2) + "ms" }
    if value < 119_500 { return significant(value / 1000, digits: 2) + "s" }
    let minutes = value / 60_000
    if minutes < 119.5 { return fixed(minutes, decimals: 0) + "m" }
    if minutes < 47.5 * 60 { return fixed(minutes / 60, decimals: 0) + "h" }
    return minutes < 999 * 1440 ? fixed(minutes / 1440, decimals: 0) + "d" : ">999d"
  }

  private static func bytes(_ value: Double) -> String {
    if value == 0 { return "0" }
    if value < 1 { return "<1B" }
    if value < 999.5 { return fixed(value, decimals: 0) + "B" }
    return scaled(value, base: 1024, units: ["B", "K", "M", "G", "T", "P", "E"], digits: 2)
  }

  private static func share(_ value: Double) -> String {
    if value == 0 { return "0%" }
    if value < 0.001 { return "<.1%" }
    if value < 0.0995 { return fixed(value * 100, decimals: 1) + "%" }
    // All of it is said of all of it alone.
    if value < 1 { return "\(Int(Swift.min(99, (value * 100).rounded())))%" }
    return value < 9.995 ? fixed(value * 100, decimals: 0) + "%" : ">10x"
  }

  private static func age(_ seconds: Int64) -> String {
    switch seconds {
    case ..<60: "\(seconds)s"
    case ..<3600: "\(seconds / 60)m\(twoDigits(seconds % 60))s"
    case ..<86_400: "\(seconds / 3600)h\(twoDigits(seconds / 60 % 60))m"
    case ..<86_400_000: "\(seconds / 86_400)d"
    case ..<31_557_600_000: "\(seconds / 31_557_600)y"
    default: ">999y"
    }
  }

  // MARK: Digits

  private static let decimalUnits = ["", "k", "M", "G", "T", "P", "E"]

  /// In the first unit in which less than a thousand of them are left.
  private static func scaled(_ value: Double, base: Double, units: [String], digits: Int) -> String {
    var rest = value
    for unit in units {
      if rest < 999.5 { return significant(rest, digits: digits) + unit }
      rest /= base
    }
    return "999" + (units.last ?? "")
  }

  /// For values below 999.5: decimals only where the digits leave room for them.
  private static func significant(_ value: Double, digits: Int) -> String {
    if digits >= 3, value < 9.995 { return fixed(value, decimals: 2) }
    if value < (digits >= 3 ? 99.95 : 9.95) { return fixed(value, decimals: 1) }
    return fixed(value, decimals: 0)
  }

  private static func fixed(_ value: Double, decimals: Int) -> String {
    let factor: Int = decimals == 2 ? 100 : decimals == 1 ? 10 : 1
    let scaled = Int((value * Double(factor)).rounded())
    guard decimals > 0 else { return "\(scaled)" }
    let rest = scaled % factor
    return "\(scaled / factor).\(decimals == 2 && rest < 10 ? "0" : "")\(rest)"
  }

  private static func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
