internal import PicoCore

/// A number as a filter writes it, in the unit of the field that it is compared with.
struct FilterLiteral: Equatable {
  var value: Double
  /// It was a percentage; `value` is then from 0 to 1 (or above).
  var isShare = false

  /// nil for what is no number of this kind.
  init?(_ text: String, kind: RowField.Kind) {
    switch kind {
    case .text: return nil
    case .moment:
      guard let moment = Timestamp(text) else { return nil }
      value = moment.inSeconds
    case .milliseconds, .seconds:
      guard let milliseconds = Self.milliseconds(text, plain: kind == .seconds ? 1000 : 1) else { return nil }
      value = kind == .seconds ? milliseconds / 1000 : milliseconds
    case .number, .errorRate, .cores, .bytes:
      guard let (number, unit) = Self.parts(text[...]) else { return nil }
      if unit == "%", kind == .errorRate || kind == .cores {
        value = number / 100
        isShare = true
      } else if let factor = Self.factor(unit, isBytes: kind == .bytes) {
        value = number * factor
      } else {
        return nil
      }
    }
  }

  static func expectation(of kind: RowField.Kind) -> String {
    switch kind {
    case .text: "a text"
    case .number: "a number like 10 or 1.5k"
    case .errorRate: "errors a second like 0.5, or a part of the requests like 5%"
    case .cores: "a number of cores like 0.5 or 50%"
    case .bytes: "a size like 512, 10k or 64KiB"
    case .milliseconds: "a duration like 200ms or 1.5s"
    case .seconds: "a duration like 90s, 5m or 1h30m"
    case .moment: "a time in UTC like 2026-11-23T10:00:00Z"
    }
  }

  /// Digits with at most one point, and what follows them.
  private static func parts(_ text: Substring) -> (Double, Substring)? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard digits.contains(where: { $0 != "." }), let number = Double(digits) else { return nil }
    return (number, text[digits.endIndex...])
  }

  /// One or more of number and unit; a plain number counts `plain` milliseconds.
  private static func milliseconds(_ text: String, plain: Double) -> Double? {
    guard var (number, rest) = parts(text[...]) else { return nil }
    if rest.isEmpty { return number * plain }
    var total = 0.0
    while true {
      let unit = rest.prefix { $0.isLetter }
      let factor: Double
      switch unit {
      case "us", "µs", "μs": factor = 0.001
      case "ms": factor = 1
      case "s": factor = 1000
      case "m": factor = 60_000
      case "h": factor = 3_600_000
      case "d": factor = 86_400_000
      default: return nil
      }
      total += number * factor
      rest = rest[unit.endIndex...]
      if rest.isEmpty { return total }
      guard let next = parts(rest) else { return nil }
      (number, rest) = next
    }
  }

  private static func factor(_ unit: Substring, isBytes: Bool) -> Double? {
    switch unit {
    case "": return 1
    case "k", "K": return 1e3
    case "M": return 1e6
    case "G": return 1e9
    case "T": return 1e12
    default: break
    }
    guard isBytes else { return nil }
    switch unit {
    case "B": return 1
    case "kB", "KB": return 1e3
    case "MB": return 1e6
    case "GB": return 1e9
    case "TB": return 1e12
    case "Ki", "KiB": return 1024
    case "Mi", "MiB": return 1_048_576
    case "Gi", "GiB": return 1_073_741_824
    case "Ti", "TiB": return 1_099_511_627_776
    default: return nil
    }
  }
}
