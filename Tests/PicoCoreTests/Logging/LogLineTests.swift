import Logging
import PicoCore
import Testing

@Suite struct LogLineTests {
  private static let time = Timestamp(seconds: 1_795_428_000, nanoseconds: 7_000_000)

  private func text(_ message: String, _ metadata: Logger.Metadata = [:], _ format: LogFormat = .text, level: Logger.Level = .info)
    -> String
  {
    String(decoding: LogLine(time: Self.time, level: level, message: message, metadata: metadata).bytes(as: format), as: UTF8.self)
  }

  @Test func `a text line has the time, the level, the message and sorted facts`() {
    #expect(
      text("listener connected", ["endpoint": "a", "address": "127.0.0.1:1", "agent": "x y", "note": "", "n": "a=\"b\\\""])
        == "2026-11-23T10:00:00.007Z INFO  listener connected address=127.0.0.1:1 agent=\"x y\" endpoint=a n=\"a=\\\"b\\\\\\\"\" note=\"\"\n"
    )
    #expect(text("m", level: .error) == "2026-11-23T10:00:00.007Z ERROR m\n")
  }

  @Test func `a text line cannot be forged or move a cursor`() {
    #expect(
      text("m\nx", ["k\u{1b}": "v\r\n2026 INFO \u{202e}"])
        == "2026-11-23T10:00:00.007Z INFO  m\\u{a}x k\\u{1b}=\"v\\u{d}\\u{a}2026 INFO \\u{202e}\"\n")
  }

  @Test func `a JSON line keeps kinds and unique names`() {
    #expect(
      text(
        "m", ["count": .stringConvertible(3), "ok": .stringConvertible(true), "level": "x", "list": ["a", "b"], "map": ["k": "v"]], .json)
          == """
          {"time":"2026-11-23T10:00:00.007Z","level":"info","message":"m","count":3,"metadata.level":"x",\
          "list":["a","b"],"map":{"k":"v"},"ok":true}

          """)
  }

  @Test func `a JSON line escapes what JSON and a terminal would misread`() {
    #expect(
      text("a\"b\\c\n\u{1b}\u{2028}\u{e0001}é", [:], .json)
        == "{\"time\":\"2026-11-23T10:00:00.007Z\",\"level\":\"info\",\"message\":\"a\\\"b\\\\c\\n\\u001b\\u2028\\udb40\\udc01é\"}\n")
  }

  @Test(arguments: [
    (Int64(0), "1970-01-01T00:00:00.000Z"), (951_782_399, "2000-02-28T23:59:59.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.000Z"), (4_102_444_800, "2100-01-01T00:00:00.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
  ])
  func `a timestamp is RFC 3339 in UTC`(seconds: Int64, text: String) {
    #expect(Timestamp(seconds: seconds).description == text)
  }
}
