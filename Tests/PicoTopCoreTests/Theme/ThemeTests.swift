import Testing

@testable import PicoTopCore

@Suite struct ThemeTests {
  static let complete = """
    base00 = #101010
    base05 = #e0e0e0
    base08 = #ff0000
    bg = base00
    fg = base05
    """

  /// All roles in one colour, with some of them said otherwise.
  static func text(_ lines: String..., palette: String = complete) -> String {
    let given = Set(lines.compactMap { $0.split(separator: " ").first.map(String.init) })
    let rest = Role.allCases.filter { ![.background, .foreground].contains($0) && !given.contains($0.rawValue) }
    return ([palette] + rest.map { "\($0.rawValue) = base05" } + lines).joined(separator: "\n")
  }

  @Test func `a role has its colours and attributes`() throws {
    let theme = try Theme(
      parsing: Self.text(
        "# a comment", "ok = #00ff00 bold underline  # green", "error = base08 on ansi:3 reverse", "warn = default dim", "dialog = base0a",
        "base0A = #aabbcc"), file: "/x/my.theme")
    #expect(theme.name == "my")
    let background = Colour.rgb(16, 16, 16)
    #expect(
      theme.style(.ok, depth: .trueColour)
        == Style(foreground: .rgb(0, 255, 0), background: background, attributes: [.bold, .underline]))
    #expect(
      theme.style(.error, depth: .trueColour) == Style(foreground: .rgb(255, 0, 0), background: .ansi(3), attributes: .reverse))
    #expect(theme.style(.warn, depth: .trueColour) == Style(foreground: .default, background: background, attributes: .dim))
    #expect(theme.style(.dialog, depth: .trueColour).foreground == .rgb(170, 187, 204))
    #expect(theme.style(.background, depth: .trueColour) == Style(foreground: .rgb(224, 224, 224), background: background))
  }

  @Test func `fewer colours are chosen by the file or else by likeness`() throws {
    let theme = try Theme(
      parsing: Self.text("ok = #5faf5f", "ok.16 = ansi:10 bold", "error.256 = #d70000 on #000000", "bg.16 = ansi:4"), file: "a.theme")
    #expect(theme.style(.ok, depth: .indexed256).foreground == .ansi(71))
    #expect(theme.style(.ok, depth: .indexed16) == Style(foreground: .ansi(10), background: .ansi(4), attributes: .bold))
    #expect(theme.style(.error, depth: .indexed256).background == .ansi(16))
    #expect(theme.style(.rate, depth: .indexed16).background == .ansi(4))
    #expect(theme.style(.rate, depth: .indexed256).background == .ansi(233))
    #expect(theme.style(.rate, depth: .trueColour).background == .rgb(16, 16, 16))
  }

  @Test func `without colour a theme still tells things apart`() throws {
    let theme = try Theme(parsing: Self.text("ok = base05 underline"), file: "a.theme")
    for role in Role.allCases {
      let style = theme.style(role, depth: .none)
      #expect(style.foreground == .default && style.background == .default)
    }
    #expect(theme.style(.ok, depth: .none).attributes == .underline)
    #expect(theme.style(.selectedRow, depth: .none).attributes.contains(.reverse))
    #expect(theme.style(.danger, depth: .none).attributes.contains(.reverse))
    let roles: [Role] = [.ok, .warn, .error, .danger]
    #expect(Set(roles.map { Theme.builtIn.style($0, depth: .none) }).count == roles.count)
  }

  @Test(
    arguments: [
      ("ok", "t.theme:1: expected \"ok = VALUE\""), ("ok =", "t.theme:1: \"ok\" has no value"), ("ok base05", "t.theme:1: expected"),
      ("base0g = #000000", "t.theme:1: unknown key \"base0g\""), ("bad = base05", "t.theme:1: unknown key \"bad\""),
      ("ok.8 = base05", "t.theme:1: unknown key \"ok.8\""), ("base00 = red", "t.theme:1: \"red\" is not a colour"),
      ("base00 = #12345", "t.theme:1: \"#12345\" is not a colour"), ("base00 = #12345g", "is not a colour"),
      ("base00 = ansi:16", "\"ansi:16\" is not a colour"), ("base00 = ansi:+1", "is not a colour"), ("base00 = base01", "is not a colour"),
      ("base00 = #000000 bold", "is not a colour"), ("\nok = base05\n\nok = base05", "t.theme:4: \"ok\" is given twice (first in line 2)"),
      ("\u{1B}[2J = 1", "t.theme:1: unknown key \"\\u{1b}[2J\""), ("", "t.theme: has no \"bg\", \"fg\""),
    ] as [(String, String)])
  func `what is wrong with a file is named with its line`(text: String, message: String) {
    let error = #expect(throws: ThemeError.self) { try Theme(parsing: text, file: "t.theme") }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test(
    arguments: [
      ("ok = base01", "t.theme:23: \"base01\" is not in the palette"), ("ok = blue", "t.theme:23: unknown colour \"blue\""),
      ("ok = base05 on", "t.theme:23: no colour behind \"on\""), ("ok = base05 on bold", "t.theme:23: unknown colour \"bold\""),
      ("ok = base05 italic", "t.theme:23: unknown word \"italic\""), ("ok = base05 bold on base00", "t.theme:23: unknown word \"on\""),
      ("ok.256 = base05 blink", "t.theme:24: unknown word \"blink\""),
    ] as [(String, String)])
  func `what is wrong with a role is named with its line`(line: String, message: String) {
    let error = #expect(throws: ThemeError.self) { try Theme(parsing: Self.text(line), file: "t.theme") }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func `a background takes one colour`() {
    let palette = Self.complete.split(separator: "\n").dropLast(2).joined(separator: "\n")
    let error = #expect(throws: ThemeError.self) {
      try Theme(parsing: Self.text("bg = base00 bold", "fg = base05", palette: palette), file: "t.theme")
    }
    #expect(error?.description.contains("\"bg\" is one colour") == true)
  }
}
