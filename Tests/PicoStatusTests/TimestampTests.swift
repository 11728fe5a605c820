import PicoCore
import Testing

@testable import PicoStatus

@Suite struct TimestampTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"),
      (951_782_399_999, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (1_795_428_000_123, "2026-11-23T10:00:00.123Z"),
      (-1, "1969-12-31T23:59:59.999Z"),
      (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func `a time is printed and read as RFC 3339`(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).description == text)
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "2026-11-23", "2026-11-23T10:00:00", "2026-11-23T10:00:00.Z", "2026-13-23T10:00:00Z", "2026-11-23T24:00:00Z",
    "2026-11-23T10:00:00+01:00", "2026-11-23 10:00:00Z", "2026-11-23T10:00:00Zx", "２０２６-11-23T10:00:00Z",
  ])
  func `a text that is not a time in UTC is refused`(text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test(
    arguments: [("2026-11-23T10:00:00Z", 0), ("2026-11-23T10:00:00.5+00:00", 500), ("2026-11-23T10:00:00.123456789Z", 123)]
      as [(String, Int64)])
  func `fractions of any length are cut to milliseconds`(text: String, fraction: Int64) {
    #expect(Timestamp(text)?.milliseconds == 1_795_428_000_000 + fraction)
  }

  @Test func `now lies between 2020 and 2100`() {
    let now = Timestamp.now()
    #expect(now > Timestamp(milliseconds: 1_577_836_800_000))
    #expect(now < Timestamp(milliseconds: 4_102_444_800_000))
  }
}
