internal import PicoStatus

/// Which screen there is, and which table on it.
extension App {
  mutating func go(to new: Screen) {
    guard new != screen else { return }
    trail.removeAll { $0 == new }
    trail.append(screen)
    if trail.count > 16 { trail.removeFirst() }
    enter(new)
  }

  private mutating func enter(_ new: Screen) {
    screen = new
    if let endpoint = new.endpoint { lastEndpoint = endpoint }
    askedAt = nil
    // The listeners of one endpoint and of all are looked at in ways of their own.
    switch new {
    case .endpoint:
      ofEndpoint = TableModel(name: ofEndpoint.name, columns: ofEndpoint.columns, sort: ofEndpoint.sort, shown: ofEndpoint.shown)
      ofEndpoint.arrange(&fleet.listeners, now: now.wall)
    case .listeners: listeners.arrange(&fleet.listeners, now: now.wall)
    case .live:
      requests.forgetPlace()
      requests.setFilter("", on: &fleet.requests, now: now.wall)
    default: break
    }
  }

  /// The endpoint that the selected row is of.
  private var selectedEndpoint: RowKey? {
    switch screen {
    case .endpoints: endpoints.selected(in: fleet.endpoints)?.key
    case .listeners:
      listeners.selected(in: fleet.listeners).map { RowKey(server: $0.key.server, key: $0.row.endpointKey) }
    case .endpoint(let key), .live(let key): key
    case .events:
      events.selected(in: fleet.events).flatMap { $0.row.endpoint.isEmpty ? nil : RowKey(server: $0.key.server, key: $0.row.endpoint) }
    case .overview, .nodes, .blocks: nil
    }
  }

  mutating func goToEndpoint(_ make: (RowKey) -> Screen) {
    guard let key = selectedEndpoint ?? lastEndpoint ?? endpoints.selected(in: fleet.endpoints)?.key else {
      say(emptyState.joined(separator: ": "), .warn)
      return
    }
    go(to: make(key))
  }

  mutating func open() {
    switch screen {
    case .endpoints, .listeners: goToEndpoint { .endpoint($0) }
    case .endpoint(let key): go(to: .live(key))
    case .overview: go(to: .endpoints)
    case .nodes:
      guard let node = nodes.selected(in: fleet.nodes) else { return }
      go(to: .listeners)
      listeners.setFilter("node==\"\(node.row.id)\"", on: &fleet.listeners, now: now.wall)
    case .live(let key):
      guard let (_, row) = requests.selected(in: fleet.requests) else { return }
      open(key, listener: row.request.listener)
    case .events:
      guard let key = selectedEndpoint, let (_, row) = events.selected(in: fleet.events) else { return }
      open(key, listener: row.listener)
    case .blocks: break
    }
  }

  /// An endpoint with the cursor on one of its listeners.
  private mutating func open(_ key: RowKey, listener: String) {
    go(to: .endpoint(key))
    if !listener.isEmpty { ofEndpoint.select(RowKey(server: key.server, key: listener)) }
  }

  /// Undoes one thing: the range, tags, frozen rows, the filter, the screen.
  mutating func back() {
    if tagCount > 0 || isRanging {
      run(.clearTags)
    } else if isFrozen {
      run(.freeze)
    } else if hasTable, !filterText.isEmpty {
      setFilter("")
    } else if let last = trail.popLast() {
      enter(last)
    } else if screen != .endpoints {
      enter(.endpoints)
    }
  }

  // MARK: The table on screen

  mutating func run(_ command: TableCommand) {
    switch screen {
    case .overview: break
    case .endpoints: endpoints.run(command, on: &fleet.endpoints, now: now.wall)
    case .endpoint: ofEndpoint.run(command, on: &fleet.listeners, now: now.wall)
    case .listeners: listeners.run(command, on: &fleet.listeners, now: now.wall)
    case .nodes: nodes.run(command, on: &fleet.nodes, now: now.wall)
    case .blocks: blocks.run(command, on: &fleet.blocks, now: now.wall)
    case .live: requests.run(command, on: &fleet.requests, now: now.wall)
    case .events: events.run(command, on: &fleet.events, now: now.wall)
    }
  }

  mutating func setFilter(_ text: String) {
    switch screen {
    case .endpoints: endpoints.setFilter(text, on: &fleet.endpoints, now: now.wall)
    case .endpoint: ofEndpoint.setFilter(text, on: &fleet.listeners, now: now.wall)
    case .listeners: listeners.setFilter(text, on: &fleet.listeners, now: now.wall)
    case .nodes: nodes.setFilter(text, on: &fleet.nodes, now: now.wall)
    case .blocks: blocks.setFilter(text, on: &fleet.blocks, now: now.wall)
    case .live: requests.setFilter(text, on: &fleet.requests, now: now.wall)
    case .events: events.setFilter(text, on: &fleet.events, now: now.wall)
    case .overview: break
    }
  }

  mutating func refilter() {
    switch screen {
    case .endpoints: endpoints.refilter(&fleet.endpoints, now: now.wall)
    case .endpoint: ofEndpoint.refilter(&fleet.listeners, now: now.wall)
    case .listeners: listeners.refilter(&fleet.listeners, now: now.wall)
    case .nodes: nodes.refilter(&fleet.nodes, now: now.wall)
    case .blocks: blocks.refilter(&fleet.blocks, now: now.wall)
    case .overview, .live, .events: break
    }
  }

  /// What the frame around a table has to know of it, whatever its rows are.
  struct TableFacts {
    var filter = TableFilter()
    var tags = 0
    var isRanging = false
    var isFrozen = false
    var isFollowing = false
    var count = 0
    var total = 0
    var sort = TableSort("")
    var columns: [(id: String, title: String, isShown: Bool)] = []
  }

  var facts: TableFacts {
    switch screen {
    case .overview: TableFacts()
    case .endpoints: endpoints.facts(fleet.endpoints)
    case .endpoint: ofEndpoint.facts(fleet.listeners)
    case .listeners: listeners.facts(fleet.listeners)
    case .nodes: nodes.facts(fleet.nodes)
    case .blocks: blocks.facts(fleet.blocks)
    case .live: requests.facts(fleet.requests)
    case .events: events.facts(fleet.events)
    }
  }

  var filterText: String { facts.filter.text }
  var tagCount: Int { facts.tags }
  var isRanging: Bool { facts.isRanging }
  var isFrozen: Bool { facts.isFrozen }
  var isFollowing: Bool { facts.isFollowing }

  /// Order and columns of the table on screen become part of the settings.
  mutating func saveTable() -> [AppEffect] {
    switch screen {
    case .endpoints: endpoints.save(to: &settings)
    case .endpoint: ofEndpoint.save(to: &settings, hidden: "endpoint")
    case .listeners: listeners.save(to: &settings)
    case .nodes: nodes.save(to: &settings)
    case .blocks: blocks.save(to: &settings)
    case .live: requests.save(to: &settings)
    case .events: events.save(to: &settings)
    case .overview: return []
    }
    return [.saveSettings]
  }
}

extension TableModel {
  func facts(_ table: OrderedTable<Row>) -> App.TableFacts {
    let rows = visible(table)
    return App.TableFacts(
      filter: filter, tags: tags.count, isRanging: anchor != nil, isFrozen: frozen != nil, isFollowing: isFollowing, count: rows.count,
      total: rows.totalCount, sort: sort, columns: columns.map { ($0.id, $0.title, shown.contains($0.id)) })
  }

  /// `hidden` is a column that the screen leaves out though the table has it.
  func save(to settings: inout TopSettings, hidden: String? = nil) {
    settings.sort[name] = sort.text
    let before = settings.columns[name]
    var columns = shown
    if let hidden, before?.contains(hidden) ?? true {
      columns.insert(hidden, at: min(before?.firstIndex(of: hidden) ?? 1, columns.count))
    }
    settings.columns[name] = columns
  }
}

extension ListenerRow {
  /// Of the row of its endpoint.
  var endpointKey: String { tenant.isEmpty ? endpoint : "\(tenant)/\(endpoint)" }
}
