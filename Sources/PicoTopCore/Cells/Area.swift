/// A rectangle of cells; never negative in size.
package struct Area: Equatable, Sendable {
  package var row: Int
  package var column: Int
  package var rows: Int
  package var columns: Int

  package init(row: Int, column: Int, rows: Int, columns: Int) {
    self.row = row
    self.column = column
    self.rows = max(0, rows)
    self.columns = max(0, columns)
  }

  package init(_ size: Size) { self.init(row: 0, column: 0, rows: size.rows, columns: size.columns) }

  package var isEmpty: Bool { rows == 0 || columns == 0 }
  package var endRow: Int { row + rows }
  package var endColumn: Int { column + columns }

  package func contains(_ position: Grid.Position) -> Bool {
    position.row >= row && position.row < endRow && position.column >= column && position.column < endColumn
  }

  /// Takes rows off the top.
  package mutating func takeTop(_ count: Int) -> Area {
    let count = min(max(0, count), rows)
    defer {
      row += count
      rows -= count
    }
    return Area(row: row, column: column, rows: count, columns: columns)
  }

  /// Takes rows off the bottom.
  package mutating func takeBottom(_ count: Int) -> Area {
    let count = min(max(0, count), rows)
    rows -= count
    return Area(row: endRow, column: column, rows: count, columns: columns)
  }

  /// Takes columns off the left.
  package mutating func takeLeft(_ count: Int) -> Area {
    let count = min(max(0, count), columns)
    defer {
      column += count
      columns -= count
    }
    return Area(row: row, column: column, rows: rows, columns: count)
  }

  package func inset(rows: Int = 0, columns: Int = 0) -> Area {
    Area(
      row: row + min(rows, self.rows), column: column + min(columns, self.columns), rows: self.rows - 2 * rows,
      columns: self.columns - 2 * columns)
  }

  /// One of that size in the middle, cut to fit.
  package func centred(rows: Int, columns: Int) -> Area {
    let height = min(rows, self.rows)
    let width = min(columns, self.columns)
    return Area(row: row + (self.rows - height) / 2, column: column + (self.columns - width) / 2, rows: height, columns: width)
  }
}
