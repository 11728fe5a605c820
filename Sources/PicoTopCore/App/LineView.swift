/// A line of a list that only grows, told by a number that counts up by one.
protocol NumberedLine: Sendable {
  var number: Int { get }
}

/// How a person looks at a list that grows at its end: at the end itself, or at a line that stays selected while others come.
struct LineView<Line: NumberedLine>: Sendable {
  /// The number of the selected line; nil for the last one, whichever that is.
  private(set) var selection: Int?
  /// Lines as they were when they were frozen.
  private(set) var frozen: [Line]?
  /// The number of the first line on screen.
  private var top = 0
  private var page = 1

  func visible(_ lines: [Line]) -> [Line] { frozen ?? lines }

  mutating func run(_ command: TableCommand, on lines: [Line]) {
    let shown = visible(lines)
    guard let first = shown.first?.number, let last = shown.last?.number else { return }
    let place = min(max(selection ?? last, first), last)
    switch command {
    case .move(let by): select(place + by, first, last)
    case .page(let by): select(place + by * max(1, page - 1), first, last)
    case .scroll(let by): select(place + by, first, last)
    case .top: select(first, first, last)
    case .bottom, .follow: selection = nil
    case .select(let index): select(first + index, first, last)
    case .freeze: frozen = frozen == nil ? lines : nil
    default: break
    }
  }

  private mutating func select(_ number: Int, _ first: Int, _ last: Int) {
    selection = number >= last ? nil : max(first, number)
  }

  func selected(in lines: [Line]) -> Line? {
    let shown = visible(lines)
    guard let first = shown.first?.number, let last = shown.last else { return nil }
    guard let selection else { return last }
    return shown[min(max(0, selection - first), shown.count - 1)]
  }

  /// The lines for `rows` rows of screen, and which of them is selected.
  mutating func settle(_ lines: [Line], rows: Int) -> (range: Range<Int>, selected: Int) {
    page = max(1, rows)
    let shown = visible(lines)
    guard let first = shown.first?.number, rows > 0 else { return (0..<0, 0) }
    let place = selection.map { min(max(0, $0 - first), shown.count - 1) } ?? shown.count - 1
    var start = selection == nil ? shown.count - page : top - first
    if place < start { start = place }
    if place >= start + page { start = place - page + 1 }
    start = max(0, min(start, shown.count - page))
    top = first + start
    return (start..<min(shown.count, start + page), place)
  }

  mutating func reset() { self = LineView() }
}
