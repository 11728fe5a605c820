import Glibc
import Logging
import Testing

@testable import PicoCore

/// Lines in Combined Log Format, read by the grammar that readers of such logs have.
@Suite struct CombinedLogTests {
  private static let time = Timestamp(seconds: 1_795_428_007)

  /// What a reader finds in a line: `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`, texts in quotes without their backslashes.
  private struct Read: Equatable {
    var host = ""
    var time = ""
    var request = ""
    var status = ""
    var bytes = ""
    var referer = ""
    var agent = ""
  }

  private static func read(_ line: some StringProtocol) -> Read? {
    let quoted = #"((?:[^"\\]|\\.)*)"#
    let pattern =
      #"^(\S+) (\S+) (\S+) \[(\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "\#(quoted)" (\d{3}) (\d+|-) "\#(quoted)" "\#(quoted)"$"#
    guard
      let regex = try? Regex(
        pattern, as: (Substring, Substring, Substring, Substring, Substring, Substring, Substring, Substring, Substring, Substring).self),
      let match = try? regex.wholeMatch(in: String(line))?.output, match.2 == "-", match.3 == "-"
    else { return nil }
    func plain(_ text: Substring) -> String {
      var isEscaped = false
      return String(
        text.filter { character in
          if character == "\\", !isEscaped {
            isEscaped = true
            return false
          }
          isEscaped = false
          return true
        })
    }
    return Read(
      host: String(match.1), time: String(match.4), request: plain(match.5), status: String(match.6), bytes: String(match.7),
      referer: plain(match.8), agent: plain(match.9))
  }

  private func line(_ entry: CombinedLogEntry) throws -> String {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(.file(directory.path + "/log"), format: .combined, logger: Logger(label: "test"))
    log.write(at: Self.time) { $0.combined(entry) }
    log.close()
    return directory.contents(of: "log")
  }

  private func entry(
    target: String = "/a?b", client: String = "192.0.2.1", referer: String = "", agent: String = "", bytes: UInt64 = 5
  ) -> CombinedLogEntry {
    CombinedLogEntry(
      client: client, method: "GET", target: target, version: "HTTP/1.1", status: 200, bytesOut: bytes, referer: referer, userAgent: agent)
  }

  @Test func `a line looks as Apache writes it`() throws {
    #expect(
      try line(entry(referer: "http://example.com/start", agent: "curl/8.0"))
        == "192.0.2.1 - - [23/Nov/2026:10:00:07 +0000] \"GET /a?b HTTP/1.1\" 200 5 \"http://example.com/start\" \"curl/8.0\"\n")
    #expect(
      try line(entry(client: "2001:db8::1", bytes: 0))
        == "2001:db8::1 - - [23/Nov/2026:10:00:07 +0000] \"GET /a?b HTTP/1.1\" 200 - \"-\" \"-\"\n")
  }

  @Test(
    arguments: [
      ("plain", "plain"), ("\" 200 9 \"-\" \"forged", "\" 200 9 \"-\" \"forged"), ("\\", "\\"), ("\\\"", "\\\""), ("a\nb", "a\\u{a}b"),
      ("\u{1b}[31m\u{202e}", "\\u{1b}[31m\\u{202e}"), ("é…\u{200b}", "é…\\u{200b}"), ("", "-"), ("[] - -", "[] - -"),
    ])
  func `no text ends the field that it stands in, and a reader gets it back`(text: String, seen: String) throws {
    let written = try line(entry(target: "/" + text, referer: text, agent: text))
    #expect(written.last == "\n" && written.dropLast().allSatisfy { !$0.isNewline })
    let read = try #require(Self.read(written.dropLast()), "\(written)")
    #expect(
      read
        == Read(
          host: "192.0.2.1", time: "23/Nov/2026:10:00:07 +0000", request: "GET /\(text.isEmpty ? "" : seen) HTTP/1.1", status: "200",
          bytes: "5",
          referer: seen, agent: seen))
  }

  @Test func `a request that could not be read has a line as well, and a client without an address`() throws {
    var entry = entry(client: "", agent: "x")
    (entry.method, entry.target, entry.status) = ("-", "-", 400)
    let read = try #require(Self.read(try line(entry).dropLast()))
    #expect(read.request == "-" && read.status == "400" && read.host == "-")
  }

  @Test func `a text without end is cut`() throws {
    let read = try #require(Self.read(try line(entry(agent: String(repeating: "a", count: 5000))).dropLast()))
    #expect(read.agent == String(repeating: "a", count: AccessLogLine.maximumValue) + "…")
  }

  @Test(
    arguments: [
      (0, "01/Jan/1970:00:00:00 +0000"), (951_782_399, "28/Feb/2000:23:59:59 +0000"), (951_782_400, "29/Feb/2000:00:00:00 +0000"),
      (4_102_444_799, "31/Dec/2099:23:59:59 +0000"),
    ] as [(Int64, String)])
  func `each moment has its date`(seconds: Int64, text: String) {
    var bytes: [UInt8] = []
    Timestamp(seconds: seconds).appendCommonLog(to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == text)
  }
}
