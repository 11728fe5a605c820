import PicoTopCore
import Testing

@Suite struct DisplayTextTests {
  private func shown(_ text: String, limit: Int = 40, isASCII: Bool = false) -> (text: String, columns: Int) {
    let display = DisplayText(text, limit: limit, isASCII: isASCII)
    return (String(display.glyphs.map(\.text)), display.columns)
  }

  @Test(arguments: [
    ("api", "api", 3),
    ("日本", "日本", 4),
    ("한글", "한글", 4),
    ("e\u{301}a", "e\u{301}a", 2),
    ("\u{301}a", "\\u{301}a", 8),
    ("👍🏽", "👍", 2),
    ("🇫🇷", "🇫🇷", 2),
    ("❤\u{FE0F}", "❤", 1),
    ("👩\u{200D}💻", "👩\\u{200d}💻", 12),
    ("a\u{1B}[2Jb", "a\\u{1b}[2Jb", 11),
    ("a\u{202E}b", "a\\u{202e}b", 10),
    ("שלום", "\\u{5e9}\\u{5dc}\\u{5d5}\\u{5dd}", 28),
    ("مر", "\\u{645}\\u{631}", 14),
    ("\r\n", "\\u{d}\\u{a}", 10),
  ])
  func `text takes the columns that a terminal gives it`(text: String, expected: String, columns: Int) {
    let result = shown(text)
    #expect(result.text == expected)
    #expect(result.columns == columns)
  }

  @Test func `a terminal of ASCII gets nothing else`() {
    #expect(shown("é日", isASCII: true).text == "\\u{e9}\\u{65e5}")
  }

  @Test func `a wide grapheme is whole or not there`() {
    #expect(shown("日本", limit: 3).text == "日")
    let styles = Styles(.builtIn, depth: .trueColour)
    var canvas = Canvas(size: Size(columns: 5, rows: 1), styles: styles, isASCII: false)
    canvas.text("日本語", row: 0, column: 0, width: 5, style: Style())
    #expect(canvas.grid.cells.map(\.text) == ["日", nil, "本", nil, "…"])
    canvas.text("x", row: 0, column: 1, width: 1, style: Style())
    #expect(canvas.grid.cells.map(\.text) == [" ", "x", "本", nil, "…"])
    canvas.text("日", row: 0, column: 4, width: 2, style: Style())
    #expect(canvas.grid.cells[4].text == " ")
  }

  @Test func `a name of 10 MB costs no more than what is seen of it`() {
    let clock = ContinuousClock()
    let marks = "a" + String(repeating: "\u{301}", count: 5_000_000)
    let time = clock.measure {
      for _ in 0..<100 { _ = shown(marks, limit: 30) }
    }
    #expect(shown(marks, limit: 30).columns == 1)
    #expect(time < .seconds(5))
  }
}
