internal import PicoCore
internal import PicoStatus

/// Numbers for rows of a table that only grows, the oldest of which go by halves, so that a flood does not move the whole each time.
struct RowNumbers: Sendable {
  private var next = 0
  private var keys: [RowKey] = []

  static let capacity = 2000

  mutating func take() -> Int {
    defer { next += 1 }
    return next
  }

  /// Counts rows that are new; gives the keys of those that have to go for them.
  mutating func add(_ new: some Sequence<RowKey>) -> [RowKey] {
    keys += new
    guard keys.count > Self.capacity else { return [] }
    let gone = Array(keys.prefix(keys.count - Self.capacity / 2))
    keys.removeFirst(gone.count)
    return gone
  }
}
