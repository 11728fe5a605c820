/// A picture of a screen for documents: an SVG file with a fixed cell size. Braille, shades and lines are drawn as shapes, so that the picture
/// does not depend on what a reader's fonts make of them; words are text.
extension Grid {
  package func svg(title: String) -> String {
    var picture = SVGPicture(size: size)
    for row in 0..<size.rows {
      picture.backgrounds(self, row: row)
      picture.texts(self, row: row)
    }
    return picture.text(
      title: title, ground: size.rows > 0 && size.columns > 0 ? SVGPicture.colours(of: self[0, 0].style).background : "#000000")
  }
}

private struct SVGPicture {
  static let cellWidth = 8
  static let cellHeight = 18
  static let margin = 12

  let size: Size
  private var body = ""
  /// Outlines by colour, drawn as one path each.
  private var shapes: [(colour: String, path: String)] = []

  init(size: Size) { self.size = size }

  // MARK: Colours

  static func colours(of style: Style) -> (foreground: String, background: String) {
    let foreground = name(style.foreground, otherwise: "#d4dbe2")
    let background = name(style.background, otherwise: "#14181d")
    return style.attributes.contains(.reverse) ? (background, foreground) : (foreground, background)
  }

  /// The palette of xterm.
  private static let palette = [
    "#000000", "#cd0000", "#00cd00", "#cdcd00", "#0000ee", "#cd00cd", "#00cdcd", "#e5e5e5", "#7f7f7f", "#ff0000", "#00ff00", "#ffff00",
    "#5c5cff", "#ff00ff", "#00ffff", "#ffffff",
  ]

  private static func name(_ colour: Colour, otherwise: String) -> String {
    switch colour {
    case .default: otherwise
    case .ansi(let index) where index < 16: palette[Int(index)]
    case .ansi(let index) where index >= 232: hexadecimal(8 + (index - 232) * 10, 8 + (index - 232) * 10, 8 + (index - 232) * 10)
    case .ansi(let index): hexadecimal(level((index - 16) / 36), level((index - 16) / 6 % 6), level((index - 16) % 6))
    case .rgb(let red, let green, let blue): hexadecimal(red, green, blue)
    }
  }

  private static func level(_ step: UInt8) -> UInt8 { step == 0 ? 0 : 55 + step * 40 }

  private static func hexadecimal(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> String {
    "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  // MARK: Cells

  private func x(_ column: Int) -> Int { Self.margin + column * Self.cellWidth }
  private func y(_ row: Int) -> Int { Self.margin + row * Self.cellHeight }

  mutating func backgrounds(_ grid: Grid, row: Int) {
    let ground = Self.colours(of: grid[0, 0].style).background
    var column = 0
    while column < size.columns {
      let colour = Self.colours(of: grid[row, column].style).background
      var end = column + 1
      while end < size.columns, Self.colours(of: grid[row, end].style).background == colour { end += 1 }
      if colour != ground {
        body +=
          "<rect x=\"\(x(column))\" y=\"\(y(row))\" width=\"\((end - column) * Self.cellWidth)\" height=\"\(Self.cellHeight)\" fill=\"\(colour)\"/>\n"
      }
      column = end
    }
  }

  mutating func texts(_ grid: Grid, row: Int) {
    var column = 0
    while column < size.columns {
      let cell = grid[row, column]
      guard let character = cell.text, character != " " || cell.style.attributes.contains(.underline) else {
        column += 1
        continue
      }
      if draw(character, style: cell.style, row: row, column: column) {
        column += 1
        continue
      }
      var run = ""
      var end = column
      while end < size.columns, grid[row, end].style == cell.style, let next = grid[row, end].text, !Self.isShape(next) {
        // Two blanks end a run: what follows stands in a column of its own.
        if next == " ", end + 1 < size.columns, grid[row, end + 1].text == " ", !cell.style.attributes.contains(.underline) { break }
        run.append(next)
        end += 1
        if end < size.columns, grid[row, end].text == nil {
          end += 1
          break
        }
      }
      add(run, style: cell.style, row: row, column: column, columns: end - column)
      column = max(end, column + 1)
    }
  }

  private mutating func add(_ run: String, style: Style, row: Int, column: Int, columns: Int) {
    guard run.contains(where: { $0 != " " }) || style.attributes.contains(.underline) else { return }
    var attributes = " fill=\"\(Self.colours(of: style).foreground)\""
    if style.attributes.contains(.bold) { attributes += " font-weight=\"bold\"" }
    if style.attributes.contains(.dim) { attributes += " opacity=\"0.6\"" }
    if style.attributes.contains(.underline) { attributes += " text-decoration=\"underline\"" }
    body +=
      "<text x=\"\(x(column))\" y=\"\(y(row) + 13)\" textLength=\"\(columns * Self.cellWidth)\" lengthAdjust=\"spacingAndGlyphs\"\(attributes)>"
      + Self.escaped(run) + "</text>\n"
  }

  private static func escaped(_ text: String) -> String {
    var out = ""
    for character in text {
      switch character {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      default: out.append(character)
      }
    }
    return out
  }

  // MARK: Shapes

  private static func isShape(_ character: Character) -> Bool {
    guard let scalar = character.unicodeScalars.first else { return false }
    return (0x2500...0x259F).contains(scalar.value) || (0x2800...0x28FF).contains(scalar.value)
  }

  /// False for what is a word's.
  private mutating func draw(_ character: Character, style: Style, row: Int, column: Int) -> Bool {
    guard Self.isShape(character), let scalar = character.unicodeScalars.first else { return false }
    let colour = Self.colours(of: style).foreground
    let (left, top, width, height) = (x(column), y(row), Self.cellWidth, Self.cellHeight)
    switch scalar.value {
    case 0x2800...0x28FF: add(braille: scalar.value - 0x2800, colour, left, top)
    case 0x2500, 0x2501: rectangle(colour, left, top + 8, width, scalar.value == 0x2500 ? 1 : 4)
    case 0x2502: rectangle(colour, left + 4, top, 1, height)
    case 0x256D: corner(colour, left + 4, top + 8, right: true, down: true)
    case 0x256E: corner(colour, left, top + 8, right: false, down: true)
    case 0x2570: corner(colour, left + 4, top, right: true, down: false)
    case 0x256F: corner(colour, left, top, right: false, down: false)
    case 0x2581...0x2588:
      let part = height * Int(scalar.value - 0x2580) / 8
      rectangle(colour, left, top + height - part, width, part)
    case 0x258C: rectangle(colour, left, top, width / 2, height)
    case 0x2591...0x2593:
      body +=
        "<rect x=\"\(left)\" y=\"\(top)\" width=\"\(width)\" height=\"\(height)\" fill=\"\(colour)\" opacity=\"0.\(2 + 3 * (scalar.value - 0x2591))\"/>\n"
    default: return false
    }
    return true
  }

  private mutating func rectangle(_ colour: String, _ left: Int, _ top: Int, _ width: Int, _ height: Int) {
    guard height > 0 else { return }
    append("M\(left) \(top)h\(width)v\(height)h-\(width)z", colour)
  }

  private mutating func append(_ path: String, _ colour: String) {
    if let index = shapes.firstIndex(where: { $0.colour == colour }) {
      shapes[index].path += path
    } else {
      shapes.append((colour, path))
    }
  }

  private mutating func corner(_ colour: String, _ left: Int, _ top: Int, right: Bool, down: Bool) {
    // A horizontal and a vertical half line.
    rectangle(colour, left, down ? top : top + 8, right ? 4 : 5, 1)
    rectangle(colour, right ? left : left + 4, top, 1, down ? 10 : 9)
  }

  /// Dots that stand on each other are one bar.
  private mutating func add(braille bits: UInt32, _ colour: String, _ left: Int, _ top: Int) {
    for (half, dots) in [[UInt32](arrayLiteral: 0x01, 0x02, 0x04, 0x40), [0x08, 0x10, 0x20, 0x80]].enumerated() {
      var first: Int?
      for (index, dot) in (dots + [0]).enumerated() {
        if dot != 0, bits & dot != 0 {
          first = first ?? index
        } else if let start = first {
          let begin = start * Self.cellHeight / 4
          rectangle(colour, left + half * 4, top + begin, 3, index * Self.cellHeight / 4 - begin)
          first = nil
        }
      }
    }
  }

  // MARK: File

  func text(title: String, ground: String) -> String {
    let width = size.columns * Self.cellWidth + 2 * Self.margin
    let height = size.rows * Self.cellHeight + 2 * Self.margin
    let paths = shapes.map { "<path d=\"\($0.path)\" fill=\"\($0.colour)\"/>\n" }.joined()
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" role="img">
      <title>\(Self.escaped(title))</title>
      <rect width="\(width)" height="\(height)" rx="8" fill="\(ground)"/>
      <g font-family="ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13.3" xml:space="preserve">
      \(body)</g>
      \(paths)</svg>

      """
  }
}
