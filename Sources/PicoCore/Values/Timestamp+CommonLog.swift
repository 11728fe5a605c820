extension Timestamp {
  /// Appends `24/Nov/2026:10:00:00 +0000`, as access logs of other servers have it.
  func appendCommonLog(to bytes: inout [UInt8]) {
    let time = calendar
    Self.append(time.day, digits: 2, to: &bytes)
    bytes += "/\(Self.months[Int(time.month) - 1])/".utf8
    Self.append(time.year, digits: 4, to: &bytes)
    for part in [time.second / 3600, time.second / 60 % 60, time.second % 60] {
      bytes.append(UInt8(ascii: ":"))
      Self.append(part, digits: 2, to: &bytes)
    }
    bytes += " +0000".utf8
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
