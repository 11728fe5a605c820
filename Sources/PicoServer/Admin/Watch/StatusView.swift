internal import PicoCore
internal import PicoStatus

/// What the readers of equal subscriptions are shown, in versions: each refresh makes one, and with it what readers of the version before are
/// told. A value: it knows no clock, no connection, no node.
struct StatusView: Sendable {
  /// Rows that may be new.
  struct Rows: Sendable {
    /// All that there are.
    var nodes: [NodeRow] = []
    /// All that there are.
    var totals: [TotalsRow] = []
    /// All that there are.
    var blocks: [BlockRow] = []
    var endpoints: [EndpointRow] = []
    var listeners: [ListenerRow] = []
    /// `endpoints` and `listeners` are all that there are too.
    var isWhole = false
    /// Keys.
    var goneEndpoints: [String] = []
    /// Keys.
    var goneListeners: [String] = []
  }

  /// Where a row is.
  struct Place: Equatable, Sendable {
    var table: StatusTable
    var key: String
  }

  /// Rows of one message at most.
  static let rowsPerMessage = 2000

  let selection: ViewSelection
  private(set) var version: UInt64 = 0
  /// The members of each update that brings a reader from the version before to this one, in JSON; one at least.
  private(set) var fragments: [[UInt8]] = [[]]
  private var nodes: TableView<NodeRow>
  private var endpoints: TableView<EndpointRow>
  private var listeners: TableView<ListenerRow>
  private var totals: TableView<TotalsRow>
  private var blocks = TableView<BlockRow>()

  init(_ selection: ViewSelection) {
    self.selection = selection
    nodes = TableView(selection.nodes)
    endpoints = TableView(selection.endpointRows)
    listeners = TableView(selection.listenerRows)
    totals = TableView(TableView.Selection(isExact: selection.isFull))
  }

  /// Rows that match, of all tables, also those beyond the limit.
  var total: Int { nodes.total + endpoints.total + listeners.total + totals.total + blocks.total }
  var count: Int { nodes.count + endpoints.count + listeners.count + totals.count + blocks.count }

  /// The next version. Tables that nobody asked for are left alone, whatever `rows` has of them.
  mutating func refresh(_ rows: Rows) {
    version += 1
    var tables = TableChanges()
    var removed: [StatusTable: [String]] = [:]
    for table in selection.tables {
      switch table {
      case .nodes: (tables.nodes, removed[table]) = nodes.replace(rows.nodes, version: version).parts
      case .endpoints:
        (tables.endpoints, removed[table]) =
          (rows.isWhole
          ? endpoints.replace(rows.endpoints, version: version)
          : endpoints.update(rows.endpoints, gone: rows.goneEndpoints, version: version)).parts
      case .listeners:
        (tables.listeners, removed[table]) =
          (rows.isWhole
          ? listeners.replace(rows.listeners, version: version)
          : listeners.update(rows.listeners, gone: rows.goneListeners, version: version)).parts
      case .totals: (tables.totals, removed[table]) = totals.replace(rows.totals, version: version).parts
      case .blocks: (tables.blocks, removed[table]) = blocks.replace(rows.blocks, version: version).parts
      }
    }
    fragments = tables.chunks(of: Self.rowsPerMessage, removed: removed).map { tables, removed in
      var writer = JSONWriter(capacity: 256 + 128 * tables.count)
      Update(id: "", sequence: 0, now: Timestamp(seconds: 0), total: 0, tables: tables, removed: removed).writeChanges(to: &writer)
      return writer.bytes
    }
  }

  /// Every row, in the order of the selection.
  var places: [Place] {
    nodes.keys.map { Place(table: .nodes, key: $0) } + endpoints.keys.map { Place(table: .endpoints, key: $0) }
      + listeners.keys.map { Place(table: .listeners, key: $0) } + totals.keys.map { Place(table: .totals, key: $0) }
      + blocks.keys.map { Place(table: .blocks, key: $0) }
  }

  /// What a reader of that version has to be told; nil when only a snapshot will do.
  func changes(since version: UInt64) -> (places: [Place], removed: [StatusTable: [String]])? {
    guard let node = nodes.changes(since: version), let endpoint = endpoints.changes(since: version),
      let listener = listeners.changes(since: version), let total = totals.changes(since: version),
      let block = blocks.changes(since: version)
    else { return nil }
    let all: [(StatusTable, (keys: [String], removed: [String]))] = [
      (.nodes, node), (.endpoints, endpoint), (.listeners, listener), (.totals, total), (.blocks, block),
    ]
    return (
      all.flatMap { table, changes in changes.keys.map { Place(table: table, key: $0) } },
      Dictionary(uniqueKeysWithValues: all.map { ($0, $1.removed) })
    )
  }

  /// Whole rows as readers have them; those that went meanwhile are left out. `areNew` to a reader who has no older ones.
  func rows(at places: some Sequence<Place>, areNew: Bool) -> TableChanges {
    var tables = TableChanges()
    for place in places {
      switch place.table {
      case .nodes: if let row = nodes.row(place.key) { tables.nodes.append(areNew ? RowChange(new: row) : RowChange(row)) }
      case .endpoints: if let row = endpoints.row(place.key) { tables.endpoints.append(areNew ? RowChange(new: row) : RowChange(row)) }
      case .listeners: if let row = listeners.row(place.key) { tables.listeners.append(areNew ? RowChange(new: row) : RowChange(row)) }
      case .totals: if let row = totals.row(place.key) { tables.totals.append(areNew ? RowChange(new: row) : RowChange(row)) }
      case .blocks: if let row = blocks.row(place.key) { tables.blocks.append(areNew ? RowChange(new: row) : RowChange(row)) }
      }
    }
    return tables
  }
}

extension TableView.Changes {
  fileprivate var parts: ([RowChange<Row>], [String]?) { (rows, removed.isEmpty ? nil : removed) }
}

extension TableChanges {
  fileprivate var count: Int { nodes.count + endpoints.count + listeners.count + totals.count + blocks.count }

  /// In messages of at most so many rows, one at least; what was removed goes with the first.
  fileprivate func chunks(of size: Int, removed: [StatusTable: [String]]) -> [(tables: TableChanges, removed: [StatusTable: [String]])] {
    guard count > size else { return [(self, removed)] }
    var first = self
    first.endpoints = []
    first.listeners = []
    var chunks = [(tables: first, removed: removed)]
    for start in stride(from: 0, to: endpoints.count, by: size) {
      var chunk = TableChanges()
      chunk.endpoints = Array(endpoints[start..<min(start + size, endpoints.count)])
      chunks.append((chunk, [:]))
    }
    for start in stride(from: 0, to: listeners.count, by: size) {
      var chunk = TableChanges()
      chunk.listeners = Array(listeners[start..<min(start + size, listeners.count)])
      chunks.append((chunk, [:]))
    }
    return chunks
  }
}
