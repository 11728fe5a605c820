import FoundationEssentials
import PicoTopCore
import Testing

/// A grid as a text that people can read and compare: its characters, then for each cell a letter for its style, then what the letters mean.
enum GoldenText {
  /// Every role has a colour that no other has, so a style tells its roles.
  static let theme: Theme = {
    var text = "base00 = #000000\n"
    for (index, role) in Role.allCases.enumerated() {
      let colour = "#0000" + (index < 16 ? "0" : "") + String(index, radix: 16)
      switch role {
      case .background: text += "\(role.rawValue) = \(colour)\n"
      case .dialog, .selectedRow, .header, .sortedHeader, .danger: text += "\(role.rawValue) = \(colour) on #00\(colour.dropFirst(5))00\n"
      default: text += "\(role.rawValue) = \(colour)\n"
      }
    }
    for index in 1..<16 { text += "base0\(String(index, radix: 16, uppercase: true)) = #000000\n" }
    do throws(ThemeError) {
      return try Theme(parsing: text, file: "golden.theme")
    } catch {
      fatalError("\(error)")
    }
  }()

  static func text(of grid: Grid) -> String {
    var lines = ["\(grid.size.columns)x\(grid.size.rows) cursor \(grid.cursor.map { "\($0.row),\($0.column)" } ?? "hidden")"]
    var letters: [Style: Character] = [:]
    var legend: [String] = []
    let alphabet = Array(".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    var styles: [String] = []
    for row in 0..<grid.size.rows {
      var text = ""
      var marks = ""
      for column in 0..<grid.size.columns {
        let cell = grid[row, column]
        if let character = cell.text { text.append(character) }
        if letters[cell.style] == nil {
          let letter = letters.count < alphabet.count ? alphabet[letters.count] : "?"
          letters[cell.style] = letter
          legend.append("\(letter) \(name(of: cell.style))")
        }
        marks.append(letters[cell.style] ?? "?")
      }
      lines.append("|" + text + "|")
      styles.append(marks)
    }
    return (lines + ["styles"] + styles + ["legend"] + legend).joined(separator: "\n") + "\n"
  }

  private static func name(of style: Style) -> String {
    var words: [String] = []
    if case .rgb(0, 0, let blue) = style.foreground, Int(blue) < Role.allCases.count { words.append(Role.allCases[Int(blue)].rawValue) }
    if case .rgb(0, let green, 0) = style.background, green > 0 { words.append("on \(Role.allCases[Int(green)].rawValue)") }
    for (attribute, name) in [(Style.Attributes.bold, "bold"), (.dim, "dim"), (.underline, "underline"), (.reverse, "reverse")] {
      if style.attributes.contains(attribute) { words.append(name) }
    }
    return words.isEmpty ? "plain" : words.joined(separator: " ")
  }

  /// Compares with `Golden/NAME.txt`; `PICO_WRITE_GOLDEN=1` writes it instead.
  static func expect(_ grid: Grid, is name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
    let path = folder.appending(path: "\(name).txt").path
    let text = text(of: grid)
    if ProcessInfo.processInfo.environment["PICO_WRITE_GOLDEN"] == "1" {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
    let expected = try? String(contentsOfFile: path, encoding: .utf8)
    #expect(
      text == expected, "\(name) differs; look at it and write it with PICO_WRITE_GOLDEN=1", sourceLocation: sourceLocation)
  }
}
