package import PicoStatus

package struct TopSettings: Equatable, Sendable {
  package var theme: String = "default-dark"
  package var keys: [String: [String]] = [:]
  package var columns: [String: [String]] = [:]
  package var sort: [String: String] = [:]
  package init() {}
}

package struct RowKey: Hashable, Sendable {
  package var server: Int
  package var key: String
  package init(server: Int, key: String) { self.server = server; self.key = key }
}

package struct OrderedTable<Row: FilterableRow>: Sendable {
  private var rows: [RowKey: Row] = [:]
  private var order: [RowKey] = []
  private var filter: FilterExpression?
  private var sort: RowOrder<Row>?
  package init() {}
  package var count: Int { order.count }
  package var total: Int { rows.count }
  package func row(at index: Int) -> (key: RowKey, row: Row) { (order[index], rows[order[index]]!) }
  package func position(of key: RowKey) -> Int? { order.firstIndex(of: key) }
  package subscript(key: RowKey) -> Row? { rows[key] }
  package var keys: some Sequence<RowKey> { rows.keys }
  package mutating func apply(changed: [(RowKey, Row)], removed: [RowKey]) {
    for (key, row) in changed { rows[key] = row }
    for key in removed { rows[key] = nil }
    rebuild()
  }
  package mutating func setOrder(_ order: RowOrder<Row>) { sort = order; rebuild() }
  package mutating func setFilter(_ filter: FilterExpression?) { self.filter = filter; rebuild() }
  private mutating func rebuild() {
    let kept = rows.filter { filter?.matches($0.value) ?? true }
    order = kept.sorted { sort?.precedes($0.value, $1.value) ?? ($0.key.key < $1.key.key) }.map(\.key)
  }
}

package enum Quantity {
  package static func count(_ value: some BinaryInteger) -> String { scaled(Double(value), 1000, ["", "k", "M", "G", "T"]) }
  package static func rate(_ value: Double) -> String { value < 10 ? "\((value * 100).rounded() / 100)" : scaled(value, 1000, ["", "k", "M", "G", "T"]) }
  package static func bytes(_ value: Double) -> String { scaled(value, 1024, ["", "K", "M", "G", "T"]) }
  package static func milliseconds(_ value: Double) -> String { value < 1000 ? "\(Int(value))ms" : "\((value / 100).rounded() / 10)s" }
  package static func percent(_ value: Double) -> String { "\((value * 1000).rounded() / 10)%" }
  package static func age(_ value: Duration) -> String { "\(Int64(value / .seconds(1)))s" }
  private static func scaled(_ value: Double, _ base: Double, _ units: [String]) -> String {
    var value = value, unit = 0
    while value >= base, unit < units.count - 1 { value /= base; unit += 1 }
    return "\(Int(value))\(units[unit])"
  }
}

package enum BrailleGraph {
  package static func rows(_ values: [Double?], columns: Int, rows: Int, maximum: Double, isASCII: Bool) -> [[Character]] {
    var out = Array(repeating: Array(repeating: Character(" "), count: columns), count: rows)
    let dots: [[UInt32]] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]]
    for column in 0..<columns {
      for row in 0..<rows {
        var bits: UInt32 = 0
        for half in 0..<2 {
          let index = values.count - columns * 2 + column * 2 + half
          guard index >= 0, let value = values[index], maximum > 0 else { continue }
          let height = Int((value / maximum * Double(rows * 4)).rounded(.up))
          let base = (rows - 1 - row) * 4
          for dot in 0..<4 where base + dot < height { bits |= dots[half][dot] }
        }
        if bits != 0 { out[row][column] = isASCII ? "#" : Character(Unicode.Scalar(0x2800 + bits)!) }
      }
    }
    return out
  }
  package static func roundMaximum(_ value: Double) -> Double {
    guard value > 0, value.isFinite else { return 1 }
    var step = 1.0
    while step * 10 <= value { step *= 10 }
    while step > value { step /= 10 }
    for factor in [1.0, 2, 3, 5, 10] where step * factor >= value { return step * factor }
    return value
  }
}
