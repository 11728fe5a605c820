extension Duration {
  /// A duration as it stands in a configuration: digits and `ms`, `s`, `m` or `h`, or several of these (`1m30s`), or `0`.
  /// Throws on anything else, a sign, a fraction and more than a hundred years.
  package init(text: some StringProtocol) throws(MalformedValue) {
    let malformed = MalformedValue(text, isNot: "a duration", like: "500ms, 10s, 1m")
    var rest = Substring(text)
    guard rest != "0" else {
      self = .zero
      return
    }
    guard !rest.isEmpty else { throw malformed }
    var total: Int64 = 0
    var unitBefore = Int64.max
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      let unit = rest.dropFirst(digits.count).prefix { !($0.isASCII && $0.isNumber) }
      guard let number = Int64(digits), let milliseconds = Self.milliseconds(of: unit), milliseconds < unitBefore else { throw malformed }
      let (product, overflow) = number.multipliedReportingOverflow(by: milliseconds)
      let (sum, overflowOfSum) = total.addingReportingOverflow(product)
      guard !overflow, !overflowOfSum, sum <= Self.longestMilliseconds else { throw malformed }
      total = sum
      unitBefore = milliseconds
      rest = rest[unit.endIndex...]
    }
    self = .milliseconds(total)
  }

  private static let longestMilliseconds: Int64 = 100 * 366 * 86_400_000

  private static func milliseconds(of unit: Substring) -> Int64? {
    switch unit {
    case "ms": 1
    case "s": 1000
    case "m": 60_000
    case "h": 3_600_000
    default: nil
    }
  }

  /// What `init(text:)` reads back, whole milliseconds: `1m30s`, `500ms`, `0`.
  package var text: String {
    var rest = nanoseconds / 1_000_000
    guard rest > 0 else { return "0" }
    var text = ""
    for (unit, milliseconds) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1000), ("ms", 1)] where rest >= milliseconds {
      text += "\(rest / milliseconds)\(unit)"
      rest %= milliseconds
    }
    return text
  }

  /// The whole in nanoseconds, clamped to what 64 bits hold.
  package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, overflowOfSum) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflowOfSum ? (seconds < 0 ? .min : .max) : sum
  }

  /// The whole in seconds.
  package var inSeconds: Double { self / .seconds(1) }

  /// The whole in milliseconds.
  package var inMilliseconds: Double { self / .milliseconds(1) }
}
