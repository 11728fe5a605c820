internal import PicoStatus

/// Which columns of a table fit, and where.
struct TableLayout<Row: FilterableRow>: Sendable {
  struct Item: Sendable {
    /// nil for the server's name.
    var column: Column<Row>?
    var place: Int
    var width: Int
  }

  private(set) var items: [Item] = []

  /// The first column is always there. The others go by priority, the one that sorts before them, or in their order when a person scrolled to
  /// the right.
  init(columns: [Column<Row>], sort: String, offset: Int, serverWidth: Int?, width: Int) {
    guard let first = columns.first, width > 0 else { return }
    let gap = width < 50 ? 1 : 2
    // On a very small screen the names make room for one figure.
    let least = width < 30 ? min(first.width, max(6, width / 2)) : min(first.width, width)
    var used = least
    var takesServer = false
    if let serverWidth, used + gap + serverWidth <= width {
      used += gap + serverWidth
      takesServer = true
    }
    let rest = Array(columns.dropFirst(1 + offset))
    var taken: Set<String> = []
    func urgency(_ column: Column<Row>) -> Int { column.id == sort ? -1 : column.urgency }
    for column in offset > 0 ? rest : rest.sorted(by: { urgency($0) < urgency($1) }) where used + gap + column.width <= width {
      used += gap + column.width
      taken.insert(column.id)
    }
    let chosen = [first] + rest.filter { taken.contains($0.id) }
    var spare = width - used
    let widths = chosen.map { column in
      let width = column.id == first.id ? least : column.width
      let more = min(max(0, spare), column.idealWidth - width)
      spare -= more
      return width + more
    }
    // What is left over opens the columns a little.
    let wide = gap + (chosen.count > 1 && spare >= chosen.count ? 1 : 0)
    var place = 0
    for (index, column) in chosen.enumerated() {
      items.append(Item(column: column, place: place, width: widths[index]))
      place += widths[index] + wide
      if index == 0, takesServer, let serverWidth {
        items.append(Item(column: nil, place: place, width: serverWidth))
        place += serverWidth + wide
      }
    }
  }
}
