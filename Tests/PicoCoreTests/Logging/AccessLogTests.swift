import Glibc
import Logging
@testable import PicoCore
import Synchronization
import Testing

@Suite struct AccessLogTests {
  private static let time = Timestamp(seconds: 1_795_428_000)

  private func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }

  /// One line with all kinds of fields, the path as given.
  private func write(_ path: String, to log: AccessLog) {
    log.write(at: Self.time) { line in
      unsafe Array(path.utf8).withUnsafeBytes { bytes in unsafe line.field("path", bytes: bytes) }
      line.field("status", UInt64(200))
      line.field("duration_ms", nanoseconds: 1_234_567)
      line.field("endpoint", "a b")
      line.field("request_id", RequestID(high: 1, low: 2))
    }
  }

  @Test(arguments: [
    (AccessLogFormat.text, "/a?b", "/a?b"), (.text, "/a b", "\"/a b\""), (.text, "/\u{1b}\"", "\"/\\u{1b}\\\"\""), (.text, "", "\"\""),
    (.json, "/a?b", "\"/a?b\""), (.json, "/\u{1b}\"\\é", "\"/\\u001b\\\"\\\\é\""),
  ])
  func `a line has every field, escaped for its format`(format: AccessLogFormat, path: String, printed: String) throws {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(.file(directory.path + "/log"), format: format, logger: Logger(label: "test"))
    write(path, to: log)
    log.close()
    let expected =
      format == .text
      ? "2026-11-23T10:00:00.000Z path=\(printed) status=200 duration_ms=1.234 endpoint=\"a b\" request_id=00000000000000010000000000000002\n"
      : "{\"time\":\"2026-11-23T10:00:00.000Z\",\"path\":\(printed),\"status\":200,\"duration_ms\":1.234,\"endpoint\":\"a b\","
        + "\"request_id\":\"00000000000000010000000000000002\"}\n"
    #expect(directory.contents(of: "log") == expected)
  }

  @Test func `bytes that are no text and values without end do no harm`() throws {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(.file(directory.path + "/log"), format: .text, logger: Logger(label: "test"))
    log.write(at: Self.time) { line in
      unsafe [UInt8]([0x2F, 0xFF, 0xC3]).withUnsafeBytes { bytes in unsafe line.field("path", bytes: bytes) }
      unsafe [UInt8](repeating: 0x61, count: 5000).withUnsafeBytes { bytes in unsafe line.field(name: "long", bytes: bytes) }
    }
    log.close()
    #expect(
      directory.contents(of: "log") == "2026-11-23T10:00:00.000Z path=/\u{FFFD}\u{FFFD} long=\(String(repeating: "a", count: 4096))…\n")
  }

  @Test func `lines of many threads all arrive whole`() async throws {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(.file(directory.path + "/log"), format: .text, logger: Logger(label: "test"))
    await withTaskGroup { group in
      for task in 0..<8 {
        group.addTask {
          for number in 0..<1000 { log.write { $0.field("n", UInt64(task * 1000 + number)) } }
        }
      }
    }
    log.close()
    let numbers = lines(directory.contents(of: "log")).compactMap { $0.split(separator: "=").last.flatMap { Int($0) } }
    #expect(numbers.sorted() == Array(0..<8000))
    #expect(log.droppedLines == 0)
  }

  @Test func `lines arrive without a close`() throws {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(.file(directory.path + "/log"), format: .text, logger: Logger(label: "test"))
    defer { log.close() }
    for number in 0..<3 {
      log.write { $0.field("n", UInt64(number)) }
      #expect(eventually { lines(directory.contents(of: "log")).count == number + 1 })
    }
  }

  @Test func `a full disk is said once, counted, and over when there is room again`() throws {
    let directory = try TemporaryDirectory()
    let pipe = try Pipe()
    let logger = LogSink(descriptor: pipe.writing, format: .text).logger()
    let symlinked = unsafe symlink("/dev/full", directory.path + "/link")
    try #require(symlinked == 0)
    let log = try AccessLog(.file(directory.path + "/link"), format: .text, logger: logger)
    for number in 1...3 {
      log.write { $0.field("n", UInt64(number)) }
      #expect(eventually { log.droppedLines == UInt64(number) })
    }
    let unlinked = unsafe unlink(directory.path + "/link")
    try #require(unlinked == 0)
    log.reopen()
    log.write(at: Self.time) { $0.field("n", UInt64(4)) }
    log.close()
    #expect(directory.contents(of: "link") == "2026-11-23T10:00:00.000Z n=4\n")
    let said = lines(pipe.available()).map { $0.dropFirst(25) }
    #expect(
      said == [
        "ERROR access log cannot be written; lines are dropped error=\"No space left on device\" path=\(directory.path)/link",
        "WARN  access log lines were dropped count=3 path=\(directory.path)/link",
      ])
  }

  @Test func `a rotated file is opened again`() throws {
    let directory = try TemporaryDirectory()
    let log = try AccessLog(.file(directory.path + "/log"), format: .text, logger: Logger(label: "test"))
    log.write(at: Self.time) { $0.field("n", UInt64(1)) }
    #expect(eventually { !directory.contents(of: "log").isEmpty })
    let renameed = unsafe rename(directory.path + "/log", directory.path + "/old")
    try #require(renameed == 0)
    log.reopen()
    log.write(at: Self.time) { $0.field("n", UInt64(2)) }
    log.close()
    #expect(directory.contents(of: "old") == "2026-11-23T10:00:00.000Z n=1\n")
    #expect(directory.contents(of: "log") == "2026-11-23T10:00:00.000Z n=2\n")
  }

  @Test func `a reader that stands still costs lines, not time`() throws {
    let directory = try TemporaryDirectory()
    let mkfifoed = unsafe mkfifo(directory.path + "/log", 0o600)
    try #require(mkfifoed == 0)
    let reader = unsafe open(directory.path + "/log", O_RDONLY | O_NONBLOCK)
    try #require(reader >= 0)
    defer { close(reader) }
    let log = try AccessLog(.file(directory.path + "/log"), format: .text, logger: Logger(label: "test"), capacity: 100_000)
    let clock = ContinuousClock()
    let writing = clock.measure {
      for number in 0..<20_000 { log.write { $0.field("n", UInt64(number)) } }
    }
    #expect(writing < .seconds(2))
    #expect(log.droppedLines > 0)
    let closing = clock.measure { log.close() }
    #expect(closing < .seconds(4))
  }

  @Test func `a line behind one that was cut begins on its own line`() throws {
    let directory = try TemporaryDirectory()
    let made = unsafe mkfifo(directory.path + "/log", 0o600)
    try #require(made == 0)
    let reader = unsafe open(directory.path + "/log", O_RDONLY | O_NONBLOCK)
    try #require(reader >= 0)
    defer { close(reader) }
    // F_SETPIPE_SZ: room for two pages only.
    try #require(fcntl(reader, 1031, 8192) == 8192)
    var writer = try AccessLogWriter(.file(directory.path + "/log"), logger: Logger(label: "test"))
    let long = [UInt8](repeating: UInt8(ascii: "a"), count: 10_000) + [UInt8(ascii: "\n")]
    #expect(writer.write(AccessLogBatch(bytes: long, lines: 1)) { true } == 1)
    var page = [UInt8](repeating: 0, count: 8192)
    #expect(unsafe page.withUnsafeMutableBytes { unsafe read(reader, $0.baseAddress, $0.count) } == 8192)
    #expect(writer.write(AccessLogBatch(bytes: Array("next\n".utf8), lines: 1)) { true } == 0)
    let count = unsafe page.withUnsafeMutableBytes { unsafe read(reader, $0.baseAddress, $0.count) }
    #expect(String(decoding: page[..<max(count, 0)], as: UTF8.self) == "\nnext\n")
  }

  @Test func `a path that cannot be opened is an error that names it`() {
    let error = #expect(throws: PicoError.self) {
      try AccessLog(.file("/nonexistent/log"), format: .text, logger: Logger(label: "test"))
    }
    #expect(error?.description == "access log /nonexistent/log cannot be opened: No such file or directory")
    #expect(error?.exit == .configuration)
  }
}
