package import PicoCore

extension Timestamp {
  /// Since 1970-01-01T00:00:00Z; what is less than a millisecond goes lost.
  package init(milliseconds: Int64) {
    let (seconds, rest) = Self.floorDivide(milliseconds, 1000)
    self.init(seconds: seconds, nanoseconds: Int32(rest) * 1_000_000)
  }

  /// Since 1970-01-01T00:00:00Z, rounded down.
  package var milliseconds: Int64 {
    seconds * 1000 + Int64(nanoseconds / 1_000_000)
  }

  /// Reads RFC 3339 in UTC (`Z` or `+00:00`), any number of fraction digits (past three are cut off); nil for anything else.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20 else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      var value: Int64 = 0
      for byte in bytes[range] {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        value = value * 10 + Int64(byte - UInt8(ascii: "0"))
      }
      return value
    }
    let separators: [(Int, UInt8)] = [
      (4, UInt8(ascii: "-")), (7, UInt8(ascii: "-")), (10, UInt8(ascii: "T")), (13, UInt8(ascii: ":")), (16, UInt8(ascii: ":")),
    ]
    for (index, byte) in separators where bytes[index] != byte { return nil }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
      let minute = number(14..<16), let second = number(17..<19),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    var index = 19
    var fraction: Int64 = 0
    if bytes[index] == UInt8(ascii: ".") {
      index += 1
      var weight: Int64 = 100
      let first = index
      while index < bytes.count, bytes[index] >= UInt8(ascii: "0"), bytes[index] <= UInt8(ascii: "9") {
        fraction += Int64(bytes[index] - UInt8(ascii: "0")) * weight
        weight /= 10
        index += 1
      }
      guard index > first else { return nil }
    }
    guard bytes[index...].elementsEqual("Z".utf8) || bytes[index...].elementsEqual("+00:00".utf8) else { return nil }
    let seconds = Self.day(year: year, month: month, day: day) * 86_400 + hour * 3600 + minute * 60 + second
    self.init(milliseconds: seconds * 1000 + fraction)
  }

  private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
    let remainder = value % by
    return remainder < 0 ? (value / by - 1, remainder + by) : (value / by, remainder)
  }

  /// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; the year is taken to begin in March.
  private static func day(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floorDivide(shifted, 400)
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
