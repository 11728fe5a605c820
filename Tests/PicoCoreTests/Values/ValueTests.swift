import PicoCore
import Testing

@Suite struct DurationTextTests {
  @Test(arguments: [
    ("500ms", Duration.milliseconds(500), "500ms"), ("10s", .seconds(10), "10s"), ("1m", .seconds(60), "1m"), ("1h", .seconds(3600), "1h"),
    ("90s", .seconds(90), "1m30s"), ("1h0m5s", .seconds(3605), "1h5s"), ("0", .zero, "0"), ("0s", .zero, "0"),
  ])
  func `a duration is read and printed`(text: String, duration: Duration, printed: String) throws {
    #expect(try Duration(text: text) == duration)
    #expect(duration.text == printed)
    #expect(try Duration(text: printed) == duration)
  }

  @Test(arguments: [
    "", "10", "10x", "-1s", "1.5s", "s", "1s1m", "1s1s", "10 s", "１s", "99999999999999999999s", "9223372036854775807h", "1000000h",
  ])
  func `what is not a duration is an error that names it`(text: String) {
    #expect(throws: MalformedValue("\"\(text)\" is not a duration (like 500ms, 10s, 1m)")) { try Duration(text: text) }
  }

  @Test func `nanoseconds are clamped`() {
    #expect(Duration.milliseconds(2).nanoseconds == 2_000_000)
    #expect(Duration.seconds(Int64.max).nanoseconds == .max)
    #expect(Duration.seconds(Int64.min).nanoseconds == .min)
    #expect(Duration.milliseconds(1500).inSeconds == 1.5)
    #expect(Duration.microseconds(1500).inMilliseconds == 1.5)
  }
}

@Suite struct ByteSizeTests {
  @Test(arguments: [
    ("64KiB", 65536, "64KiB"), ("1MiB", 1 << 20, "1MiB"), ("2GiB", 2 << 30, "2GiB"), ("512", 512, "512"), ("512B", 512, "512"),
    ("0", 0, "0"),
    ("1536KiB", 1_572_864, "1536KiB"), ("1TiB", 1 << 40, "1TiB"),
  ])
  func `a size is read and printed`(text: String, bytes: Int, printed: String) throws {
    let size = try ByteSize(text: text)
    #expect(size.bytes == bytes)
    #expect(size.description == printed)
  }

  @Test(arguments: ["", "KiB", "1KB", "1kib", "-1", "1.5MiB", "1 MiB", "9223372036854775808", "9007199254740993KiB"])
  func `what is not a size is an error that names it`(text: String) {
    #expect(throws: MalformedValue("\"\(text)\" is not a size (like 64KiB, 1MiB, 512)")) { try ByteSize(text: text) }
  }
}

@Suite struct BackoffTests {
  @Test func `the ceiling doubles to the maximum and falls back after a success`() {
    var backoff = Backoff()
    var generator = SplitMixGenerator(seed: 3)
    var ceilings: [Duration] = []
    for _ in 0..<10 {
      let ceiling = backoff.ceiling
      ceilings.append(ceiling)
      let delay = backoff.next(using: &generator)
      #expect(delay >= .zero && delay <= ceiling)
    }
    #expect(ceilings == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000].map { .milliseconds($0) })
    backoff.reset()
    #expect(backoff.ceiling == .milliseconds(100))
  }

  @Test func `jitter covers the whole range`() {
    var generator = SplitMixGenerator(seed: 4)
    let delays = (0..<1000).map { _ in
      var backoff = Backoff(initial: .seconds(1))
      return backoff.next(using: &generator)
    }
    #expect(delays.min()! < .milliseconds(50))
    #expect(delays.max()! > .milliseconds(950))
  }

  @Test func `the slow end is the upper half of the longest delay`() {
    var generator = SplitMixGenerator(seed: 5)
    for _ in 0..<100 {
      var backoff = Backoff()
      let delay = backoff.slowEnd(using: &generator)
      #expect(delay >= .milliseconds(7500) && delay <= .seconds(15))
      #expect(backoff.ceiling == .seconds(15))
    }
  }

  @Test func `the generator gives the published numbers`() {
    var generator = SplitMixGenerator(seed: 1_234_567)
    #expect(generator.next() == 6_457_827_717_110_365_317)
    #expect(generator.next() == 3_203_168_211_198_807_973)
  }
}

@Suite struct DisplayTests {
  @Test(arguments: [
    ("plain é 日本", "plain é 日本"), ("a\u{1b}[31m", "a\\u{1b}[31m"), ("a\nb\r", "a\\u{a}b\\u{d}"), ("\u{7f}\u{9b}", "\\u{7f}\\u{9b}"),
    ("a\u{202e}b", "a\\u{202e}b"), ("a\u{2066}\u{2069}", "a\\u{2066}\\u{2069}"),
    ("a\u{200b}\u{200d}\u{feff}", "a\\u{200b}\\u{200d}\\u{feff}"),
    ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"), ("\u{61c}", "\\u{61c}"), ("", ""),
  ])
  func `what could deceive a reader is escaped`(text: String, escaped: String) {
    #expect(text.escapedForDisplay == escaped)
  }

  @Test func `an error is one escaped line with its cause`() {
    let error = PicoError(.unreachable, "cannot reach localhost:1\u{1b}", side: .upstream, cause: MalformedValue("no\nway"))
    #expect(error.description == "cannot reach localhost:1\\u{1b}: no\\u{a}way")
    #expect(error.exit == .unavailable)
    #expect(PicoError.Code.missingEndpointID.words == "missing endpoint id")
  }
}
