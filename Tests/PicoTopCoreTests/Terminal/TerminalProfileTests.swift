import Testing

@testable import PicoTopCore

@Suite struct TerminalProfileTests {
  typealias Abilities = TerminalProfile.Abilities

  static let xterm = Abilities(colours: 256)
  static let tmux = Abilities(colours: 256, erasesBackground: false)

  @Test(
    arguments: [
      (["TERM": "xterm-256color"], xterm, .indexed256, .system),
      (["TERM": "xterm-256color", "COLORTERM": "truecolor"], xterm, .trueColour, .direct),
      (["TERM": "xterm-256color", "COLORTERM": "24bit"], xterm, .trueColour, .direct),
      (["TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"], xterm, .none, .system),
      (["TERM": "xterm-256color", "NO_COLOR": ""], xterm, .indexed256, .system),
      (["TERM": "tmux-256color", "COLORTERM": "truecolor"], tmux, .trueColour, .directPlain),
      (["TERM": "xterm-direct"], Abilities(colours: 1 << 24, hasDirectColour: true), .trueColour, .direct),
      (["TERM": "linux", "COLORTERM": "truecolor"], Abilities(colours: 8), .indexed16, .system),
      (["TERM": "xterm-16color"], Abilities(colours: 16), .indexed16, .system),
      (["TERM": "vt100"], Abilities(colours: 0), .none, .system),
      (["TERM": "never-heard-of"], nil, .indexed256, .indexed256),
      (["TERM": "never-heard-of", "COLORTERM": "truecolor"], nil, .trueColour, .directPlain),
      (["TERM": "never-heard-of", "NO_COLOR": "1"], nil, .none, .indexed256),
    ] as [([String: String], Abilities?, ColourDepth, TerminalProfile.Entry)])
  func `colours are as many as the terminal has`(
    _ environment: [String: String], _ abilities: Abilities?, _ depth: ColourDepth, _ entry: TerminalProfile.Entry
  ) throws {
    let profile = try #require(TerminalProfile(environment: environment, abilities: abilities, isUTF8: true, wantsASCII: false))
    #expect(profile.depth == depth)
    #expect(profile.entry == entry)
  }

  @Test(
    arguments: [
      ([:], xterm), (["TERM": ""], xterm), (["TERM": "dumb"], Abilities(colours: 0)),
      (["TERM": "printer"], Abilities(colours: 0, hasCursorAddressing: false)),
    ] as [([String: String], Abilities)]) func `there is no screen without a cursor`(
      _ environment: [String: String], _ abilities: Abilities
    )
  {
    #expect(TerminalProfile(environment: environment, abilities: abilities, isUTF8: true, wantsASCII: false) == nil)
  }

  @Test(arguments: [("xterm-256color", true), ("tmux-256color", true), ("linux", false), ("vt220", false)])
  func `only what is like xterm is asked for its mouse`(_ name: String, _ isLike: Bool) {
    let profile = TerminalProfile(environment: ["TERM": name], abilities: Self.xterm, isUTF8: true, wantsASCII: false)
    #expect(profile?.isLikeXterm == isLike)
  }

  @Test(arguments: [(true, false, false), (true, true, true), (false, false, true)])
  func `without UTF-8 there is ASCII`(_ isUTF8: Bool, _ wantsASCII: Bool, _ isASCII: Bool) {
    let profile = TerminalProfile(environment: ["TERM": "xterm"], abilities: Self.xterm, isUTF8: isUTF8, wantsASCII: wantsASCII)
    #expect(profile?.isASCII == isASCII)
  }
}
