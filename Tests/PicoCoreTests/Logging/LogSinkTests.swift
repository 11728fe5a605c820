import Glibc
import Logging
import PicoCore
import Testing

@Suite struct LogSinkTests {
  @Test func `loggers share a level that can change`() throws {
    let pipe = try Pipe()
    let sink = LogSink(descriptor: pipe.writing, format: .text, level: .warning)
    let logger = sink.logger()
    logger.info("one")
    logger.warning("two", metadata: ["k": "v"])
    sink.level = .debug
    logger.debug("three")
    let lines = pipe.available().split(separator: "\n").map { $0.dropFirst(25) }
    #expect(lines == ["WARN  two k=v", "DEBUG three"])
  }

  @Test func `what is no terminal gets JSON`() throws {
    let pipe = try Pipe()
    #expect(LogSink(descriptor: pipe.writing).format == .json)
  }

  @Test func `a full disk drops lines and counts them`() throws {
    let full = unsafe open("/dev/full", O_WRONLY)
    try #require(full >= 0)
    defer { close(full) }
    let sink = LogSink(descriptor: full, format: .text)
    for _ in 0..<3 { sink.logger().info("m") }
    #expect(sink.droppedLines == 3)
  }

  @Test func `a pipe that nobody reads any more drops lines`() throws {
    let ends = try Pipe()
    let copy = dup(ends.writing)
    defer { close(copy) }
    let sink = LogSink(descriptor: copy, format: .text)
    let null = unsafe open("/dev/null", O_RDONLY)
    #expect(dup2(null, ends.reading) == ends.reading)
    close(null)
    sink.logger().info("m")
    #expect(sink.droppedLines == 1)
  }

  @Test func `a reader that stood still is told what it missed`() throws {
    let pipe = try Pipe()
    let sink = LogSink(descriptor: pipe.writing, format: .text)
    pipe.fill()
    sink.logger().info("lost")
    sink.logger().info("lost")
    _ = pipe.available()
    sink.logger().info("seen")
    #expect(sink.droppedLines == 2)
    #expect(pipe.available().split(separator: "\n").map { $0.dropFirst(25) } == ["WARN  log lines were dropped count=2", "INFO  seen"])
  }

  @Test func `a line behind one that was cut begins on its own line`() throws {
    let pipe = try Pipe()
    let sink = LogSink(descriptor: pipe.writing, format: .text)
    pipe.fill()
    pipe.drain(4096)
    sink.logger().info("cut", metadata: ["long": "\(String(repeating: "a", count: 5000))"])
    #expect(pipe.available().hasSuffix("aaa"))
    sink.logger().info("seen")
    #expect(sink.droppedLines == 1)
    let lines = pipe.available().split(separator: "\n", omittingEmptySubsequences: false).map { $0.dropFirst(25) }
    #expect(lines == ["", "WARN  log lines were dropped count=1", "INFO  seen", ""])
  }

  @Test func `an error becomes a fact`() throws {
    let pipe = try Pipe()
    LogSink(descriptor: pipe.writing, format: .text).logger().error("failed", error: MalformedValue("no way"))
    #expect(pipe.available().hasSuffix("ERROR failed error=\"no way\"\n"))
  }
}
