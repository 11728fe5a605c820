/// A screen as a view drew it: rows of cells, the first at the top left. No terminal is needed to make or compare one.
package struct Grid: Equatable, Sendable {
  package struct Cell: Equatable, Sendable {
    /// One grapheme, of one or two columns; empty in the right half of a wide one.
    package var text: Character?
    package var style: Style

    package init(text: Character? = " ", style: Style) {
      self.text = text
      self.style = style
    }
  }

  package struct Position: Hashable, Sendable {
    package var row: Int
    package var column: Int

    package init(row: Int, column: Int) {
      self.row = row
      self.column = column
    }
  }

  package let size: Size
  /// Row by row, `size.rows * size.columns` of them.
  package private(set) var cells: [Cell]
  /// Where the terminal's cursor sits; nil hides it.
  package var cursor: Position?

  package init(size: Size, style: Style) {
    self.size = size
    cells = Array(repeating: Cell(style: style), count: size.rows * size.columns)
  }

  package subscript(row: Int, column: Int) -> Cell {
    get { cells[row * size.columns + column] }
    set { cells[row * size.columns + column] = newValue }
  }
}

/// Of a terminal or a part of it, in cells.
package struct Size: Hashable, Sendable {
  package var columns: Int
  package var rows: Int

  package init(columns: Int, rows: Int) {
    self.columns = columns
    self.rows = rows
  }
}
