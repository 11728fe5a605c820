import Testing

@testable import PicoCore

@Suite struct ProcessArgumentsTests {
  @Test func `words stand behind the program's name`() throws {
    #expect(try ProcessArguments.words(of: ["pico", "server", "--log.level"]) == ["server", "--log.level"])
    #expect(try ProcessArguments.words(of: ["pico"]) == [])
  }

  @Test func `a process that is told not even its name says why`() {
    #expect { try ProcessArguments.words(of: []) } throws: { "\($0)".contains("/proc is not mounted") }
  }
}
