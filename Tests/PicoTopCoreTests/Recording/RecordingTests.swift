import PicoCore
import PicoStatus
import Testing

@testable import PicoTopCore

@Suite struct RecordingTests {
  private static let header = Recording.Header(started: Timestamp(seconds: 1_795_428_000), servers: ["ws://a", "b \"c\""])
  private static let headerLine = #"{"pico-recording":1,"started":"2026-11-23T10:00:00.000Z","servers":["a"]}"#

  private static func bytes(_ lines: String...) -> [UInt8] { Array(lines.joined(separator: "\n").utf8) }

  private static let entries: [Recording.Entry] = [
    .init(milliseconds: 0, server: 0, event: .connection(.connecting)),
    .init(milliseconds: 3, server: 0, event: .connection(.connected)),
    .init(
      milliseconds: 4, server: 0,
      event: .message(.hello(Hello(node: "n-1", version: "1", role: .viewer, now: Timestamp(seconds: 1_795_428_000))))),
    .init(milliseconds: 4, server: 1, event: .message(.error(StatusError(code: .badMessage, message: "line\nfeed")))),
    .init(milliseconds: 900, server: 1, event: .connection(.lost(reason: "closed \"x\"", retrySeconds: 0.25))),
  ]

  @Test func `what is written is read, however it is cut`() throws {
    let text = RecordingWriter.line(Self.header) + Self.entries.flatMap(RecordingWriter.line)
    #expect(text.split(separator: 0x0A).count == Self.entries.count + 1)
    let (header, entries, notice) = try RecordingReader.read(text, file: "a")
    #expect(header == Self.header)
    #expect(entries == Self.entries)
    #expect(notice == nil)
    for size in [1, 2, 7, 64] {
      var reader = RecordingReader(file: "a")
      var read: [Recording.Entry] = []
      for start in stride(from: 0, to: text.count, by: size) { read += try reader.read(text[start..<min(start + size, text.count)]) }
      #expect(read == Self.entries)
      #expect(try reader.finish().entry == nil)
      #expect(reader.header == Self.header)
    }
  }

  @Test func `a message is kept as it came`() throws {
    let line = RecordingWriter.line(milliseconds: 5, server: 0, json: Array("{\"type\":\"later\",\n\"new\":[1,\r\n2]}".utf8))
    #expect(String(decoding: line, as: UTF8.self) == "{\"t\":5,\"server\":0,\"message\":{\"type\":\"later\", \"new\":[1,  2]}}\n")
    let read = try RecordingReader.read(Self.bytes(Self.headerLine, "") + line, file: "a")
    #expect(read.entries == [.init(milliseconds: 5, server: 0, event: .message(.unknown(type: "later")))])
  }

  @Test func `a last line that is cut short is dropped and said so`() throws {
    let (_, entries, notice) = try RecordingReader.read(
      Self.bytes(Self.headerLine, #"{"t":1,"connection":"connected"}"#, #"{"t":2,"server":0,"mess"#), file: "a.ndjson")
    #expect(entries.count == 1)
    #expect(notice == "a.ndjson:3: the last line is cut short and left out")
  }

  @Test func `a last line without its line feed counts when it is whole`() throws {
    let (_, entries, notice) = try RecordingReader.read(Self.bytes(Self.headerLine, #"{"t":1,"connection":"connected"}"#), file: "a")
    #expect(entries.count == 1)
    #expect(notice == nil)
  }

  @Test func `time never goes back, and blank lines are nothing`() throws {
    let (_, entries, _) = try RecordingReader.read(
      Self.bytes(Self.headerLine + "\r", "", #"{"t":9,"connection":"connected"}"#, #"{"t":5,"connection":"lost"}"#, ""), file: "a")
    #expect(entries.map(\.milliseconds) == [9, 9])
  }

  @Test(
    arguments: [
      ("", "a:1: is empty, not a recording"), ("\n\n", "a:1: is empty, not a recording"), ("{}\n", "a:1: not a recording of pico-top"),
      ("{\"pico-recording\":2}\n", "a:1: a recording of version 2, and this pico-top reads 1"), ("hello\n", "a:1: expected an object"),
      ("HEADER\nx\nHEADER\n", "a:2: expected an object at byte 0"),
      ("HEADER\n{\"t\":1}\n", "a:2: an entry needs a message or a connection"),
      ("HEADER\n{\"connection\":\"connected\"}\n", "a:2: an entry without a time"),
      ("HEADER\n{\"t\":-1,\"connection\":\"connected\"}\n", "a:2: an entry without a time"),
      ("HEADER\n{\"t\":1,\"server\":1,\"connection\":\"connected\"}\n", "a:2: there is no server 1 in the header"),
      ("HEADER\n{\"t\":1,\"connection\":\"odd\"}\n", "a:2: an entry needs"),
      ("HEADER\n{\"t\":1,\"message\":{\"type\":1}}\n", "a:2: expected a string"),
      ("HEADER\n{\"t\":1,\"message\":[}\n", "a:2: "), ("{\"pico-rec", "a:1: unexpected end"),
      ("HEADER\n{\"t\":1,\"connection\":\"lost\"} x\n", "a:2: text behind"),
    ] as [(String, String)])
  func `what is wrong is named with its line`(text: String, message: String) {
    let text = text.split(separator: "HEADER", omittingEmptySubsequences: false).joined(separator: Self.headerLine)
    let error = #expect(throws: RecordingError.self) { try RecordingReader.read(Array(text.utf8), file: "a") }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }
}
