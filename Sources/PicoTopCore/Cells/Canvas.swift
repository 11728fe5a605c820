/// A grid under work: text is clipped to its width, wide graphemes are whole or not there, roles become styles.
package struct Canvas: Sendable {
  package private(set) var grid: Grid
  let styles: Styles
  /// Only ASCII may be drawn.
  let isASCII: Bool

  package init(size: Size, styles: Styles, isASCII: Bool) {
    grid = Grid(size: size, style: styles[.background])
    self.styles = styles
    self.isASCII = isASCII
  }

  package enum Alignment: Sendable { case left, right }

  package var area: Area { Area(grid.size) }

  package mutating func place(cursor: Grid.Position?) {
    grid.cursor = cursor.flatMap { area.contains($0) ? $0 : nil }
  }

  /// Cells that are not there are left alone. The other half of a wide grapheme that is drawn over becomes blank.
  mutating func set(_ text: Character?, row: Int, column: Int, style: Style) {
    guard row >= 0, row < grid.size.rows, column >= 0, column < grid.size.columns else { return }
    if grid[row, column].text == nil, text != nil, column > 0 { grid[row, column - 1].text = " " }
    if column + 1 < grid.size.columns, grid[row, column + 1].text == nil { grid[row, column + 1].text = " " }
    grid[row, column] = Grid.Cell(text: text, style: style)
  }

  mutating func fill(_ area: Area, with text: Character = " ", style: Style) {
    for row in area.row..<area.endRow {
      for column in area.column..<area.endColumn { set(text, row: row, column: column, style: style) }
    }
  }

  /// Changes the looks of cells and leaves their text.
  mutating func restyle(_ area: Area, _ change: (inout Style) -> Void) {
    for row in max(0, area.row)..<max(0, min(area.endRow, grid.size.rows)) {
      for column in max(0, area.column)..<max(0, min(area.endColumn, grid.size.columns)) { change(&grid[row, column].style) }
    }
  }

  /// Draws in `width` columns from `column` on, with an ellipsis where the text does not fit. Answers how many columns it took.
  @discardableResult
  package mutating func text(
    _ text: some StringProtocol, row: Int, column: Int, width: Int, style: Style, align: Alignment = .left
  ) -> Int {
    guard width > 0, row >= 0, row < grid.size.rows else { return 0 }
    let length = text.utf8.count
    if length <= width, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
      var column = align == .left ? column : column + width - length
      for byte in text.utf8 {
        set(Character(Unicode.Scalar(byte)), row: row, column: column, style: style)
        column += 1
      }
      return length
    }
    var shown = DisplayText(text, limit: width, isASCII: isASCII)
    if shown.isCut { shown.cut(toColumns: width - 1) }
    let columns = shown.columns + (shown.isCut ? 1 : 0)
    var place = align == .left ? column : column + width - columns
    for glyph in shown.glyphs {
      put(glyph, row: row, column: place, style: style)
      place += glyph.columns
    }
    if shown.isCut { set(symbols.ellipsis, row: row, column: place, style: style) }
    return columns
  }

  private mutating func put(_ glyph: DisplayText.Glyph, row: Int, column: Int, style: Style) {
    guard glyph.columns == 2 else { return set(glyph.text, row: row, column: column, style: style) }
    // Half of it would be outside.
    guard column >= 0, column + 1 < grid.size.columns else { return set(" ", row: row, column: column, style: style) }
    set(" ", row: row, column: column + 1, style: style)
    set(glyph.text, row: row, column: column, style: style)
    grid[row, column + 1] = Grid.Cell(text: nil, style: style)
  }

  /// Characters of our own drawing, in the set that the terminal can show.
  var symbols: Symbols { isASCII ? .ascii : .unicode }
}

/// Texts one after the other, each with its role.
package struct Span: Equatable, Sendable {
  package var text: String
  package var role: Role
  package var isBold: Bool

  package init(_ text: String, _ role: Role = .foreground, isBold: Bool = false) {
    self.text = text
    self.role = role
    self.isBold = isBold
  }
}

extension Canvas {
  /// Draws spans in a row, on the background of `ground` if there is one, cut at `width`. Answers how many columns they took.
  @discardableResult
  mutating func spans(_ spans: [Span], row: Int, column: Int, width: Int, on ground: Role? = nil) -> Int {
    var used = 0
    for span in spans where used < width {
      used += text(
        span.text, row: row, column: column + used, width: width - used, style: style(span.role, on: ground, isBold: span.isBold))
    }
    return used
  }

  func style(_ role: Role, on ground: Role? = nil, isBold: Bool = false) -> Style {
    var style = styles[role]
    // A role with a ground of its own keeps it.
    if let ground, style.background == styles[.background].background { style.background = styles[ground].background }
    if isBold { style.attributes.insert(.bold) }
    return style
  }

  static func columns(of spans: [Span]) -> Int { spans.reduce(0) { $0 + DisplayWidth.columns(of: $1.text) } }
}

/// The styles of all roles for one theme at one depth.
package struct Styles: Equatable, Sendable {
  private var styles: [Role: Style] = [:]

  package init(_ theme: Theme, depth: ColourDepth) {
    for role in Role.allCases { styles[role] = theme.style(role, depth: depth) }
  }

  package subscript(role: Role) -> Style { styles[role] ?? Style() }
}

/// What is drawn for lines and marks. None means a state by itself where a word stands beside it.
struct Symbols: Equatable, Sendable {
  var ellipsis: Character
  var horizontal: Character
  var vertical: Character
  var topLeft: Character
  var topRight: Character
  var bottomLeft: Character
  var bottomRight: Character
  var ascending: Character
  var descending: Character
  var live: Character
  var waiting: Character
  var lost: Character
  var tag: Character
  var crumb: String
  var above: Character
  var below: Character
  var full: Character
  var track: Character
  var dot: String

  static let unicode = Symbols(
    ellipsis: "…", horizontal: "─", vertical: "│", topLeft: "╭", topRight: "╮", bottomLeft: "╰", bottomRight: "╯", ascending: "▲",
    descending: "▼", live: "●", waiting: "○", lost: "✕", tag: "▌", crumb: "›", above: "↑", below: "↓", full: "█", track: "░", dot: "·")
  static let ascii = Symbols(
    ellipsis: "~", horizontal: "-", vertical: "|", topLeft: "+", topRight: "+", bottomLeft: "+", bottomRight: "+", ascending: "^",
    descending: "v", live: "*", waiting: "o", lost: "x", tag: "+", crumb: ">", above: "^", below: "v", full: "#", track: ".", dot: "-")
}
