import PicoConfiguration
import PicoCore
import Testing

@testable import PicoTracing

@Suite struct SampleRateTests {
  @Test(arguments: [(0.0, 0), (0.01, 1_000), (0.5, 50_000), (1.0, 100_000)] as [(Double, Int)])
  func `that part of all is taken`(rate: Double, expected: Int) {
    var generator = SplitMixGenerator(seed: 7)
    let sample = SampleRate(rate)
    let taken = (0..<100_000).count { _ in sample.takes(generator.next()) }
    #expect(abs(taken - expected) <= expected / 10)
  }

  @Test(arguments: [("0", 0), ("1", 1), ("0.25", 0.25), (".5", 0.5), ("1.0", 1)] as [(String, Double)])
  func `a fraction is read`(text: String, value: Double) throws {
    #expect(try SampleRate(configurationText: text).value == value)
  }

  @Test(arguments: ["", "1.1", "-0.1", "nan", "inf", "1e-3", "50%", "0x1", "."])
  func `anything else is not one`(text: String) {
    #expect(throws: MalformedValue.self) { try SampleRate(configurationText: text) }
  }

  @Test(
    arguments: [
      ("http://localhost:4318", "http://localhost:4318", "/v1/traces"), ("http://localhost:4318/", "http://localhost:4318", "/v1/traces"),
      ("https://otlp.example.com", "https://otlp.example.com", "/v1/traces"),
      ("https://example.com:8443/otlp/v1/traces?x=1", "https://example.com:8443", "/otlp/v1/traces?x=1"),
    ])
  func `a collector has the standard path unless it is given one`(text: String, server: String, path: String) throws {
    let url = try CollectorURL(configurationText: text)
    #expect(url.server.description == server && url.path == path)
    #expect(try CollectorURL(configurationText: url.configurationText) == url)
  }

  @Test(arguments: [
    "", "localhost:4318", "grpc://localhost:4317", "http://", "http://u:p@localhost", "http://localhost/a b", "ws://localhost",
  ])
  func `what is no URL of a collector is refused`(text: String) {
    #expect(throws: MalformedValue.self) { try CollectorURL(configurationText: text) }
  }
}
