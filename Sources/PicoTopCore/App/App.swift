internal import PicoCore
internal import PicoStatus

/// The whole dashboard as a value: events go in, effects and a grid come out. It reads no clock and touches no terminal.
///
/// What comes from servers goes to `fleet`; keys and the mouse become `Action`s, which change the screen, a table, the prompt or the panel.
package struct App: Sendable {
  /// What the terminal can show; set by whoever paints.
  package var depth = ColourDepth.trueColour { didSet { restyle() } }
  /// With what a person changed since the start.
  package internal(set) var settings: TopSettings
  package internal(set) var theme: Theme { didSet { restyle() } }
  /// When something on screen changes by time alone, since the start.
  package internal(set) var nextWake: Duration?

  let options: AppOptions
  let themes: [Theme]
  let keys: KeyTable
  var styles: Styles
  var size: Size
  var now: Moment
  var fleet: Fleet
  var log = OperatorLog()

  var screen = Screen.endpoints
  /// Where Esc goes back to, the last first to go.
  var trail: [Screen] = []
  var endpoints: TableModel<EndpointRow>
  var listeners: TableModel<ListenerRow>
  var ofEndpoint: TableModel<ListenerRow>
  var nodes: TableModel<NodeRow>
  var blocks: TableModel<BlockRow>
  var requests: TableModel<RequestRow>
  var events: TableModel<EventRow>
  /// The endpoint that screens 3 and 5 show when none is selected.
  var lastEndpoint: RowKey?
  var showsHour = false
  /// Requests in flight, once a second; holes are nil.
  var inFlight: [Double?] = []
  var sampledAt: Duration?
  var askedAt: Duration?

  var prompt: Prompt?
  var panel: Panel?
  var message: Message?
  var filterHistory: [String] = []
  var commandHistory: [String] = []
  var hits = HitMap()
  /// Whether the header was drawn with a tab for each screen.
  var hasTabs = false
  var hasMouse: Bool
  var replay = ReplayState()
  var nextID = 1

  struct Message: Equatable, Sendable {
    var text: String
    var role: Role
    var until: Duration
  }

  struct ReplayState: Equatable, Sendable {
    var isPaused = false
    var speed = 1.0
  }

  /// Throws for keys that conflict or that nobody knows, for a start filter that cannot be read and for a start order that is none.
  /// `theme` is the name of one of `themes`.
  package init(options: AppOptions, settings: TopSettings, themes: [Theme], theme: String, size: Size, now: Moment) throws(AppError) {
    guard let chosen = themes.first(where: { $0.name == theme }) else {
      throw AppError("no theme is named \"\(theme.escapedForDisplay)\"")
    }
    do throws(KeyBindingError) {
      keys = try KeyTable(bindings: settings.keys)
    } catch {
      throw AppError("\(error)")
    }
    self.options = options
    self.settings = settings
    self.themes = themes
    self.theme = chosen
    self.size = size
    self.now = now
    styles = Styles(chosen, depth: .trueColour)
    hasMouse = options.hasMouse
    fleet = Fleet(servers: options.servers, intervalMilliseconds: options.intervalMilliseconds, isRecorded: options.isReplay)
    func model<Row: FilterableRow>(_ name: String, _ columns: [Column<Row>], _ sort: String, isLog: Bool = false) -> TableModel<Row> {
      TableModel(name: name, columns: columns, sort: TableSort(settings.sort[name] ?? sort), shown: settings.columns[name], isLog: isLog)
    }
    endpoints = model("endpoints", Column.all, "-rate")
    listeners = model("listeners", Column.all, "-rate")
    ofEndpoint = model("listeners", Column.ofOneEndpoint, "-rate")
    nodes = model("nodes", Column.all, "id")
    blocks = model("blocks", Column.all, "until")
    requests = model("live", Column.all, "time", isLog: true)
    events = model("events", Column.all, "time", isLog: true)
    if let sort = options.startSort {
      endpoints = TableModel(name: "endpoints", columns: Column.all, sort: TableSort(sort), shown: settings.columns["endpoints"])
      guard RowOrder<EndpointRow>(sort) != nil else { throw AppError("there is no column \"\(sort.escapedForDisplay)\" to sort by") }
    }
    if let filter = options.startFilter ?? (settings.filter.isEmpty ? nil : settings.filter) {
      endpoints.filter.set(filter, for: EndpointRow.self)
      if let error = endpoints.filter.error { throw AppError("the filter cannot be read: \(error.message)") }
      filterHistory = [filter]
    }
    endpoints.arrange(&fleet.endpoints, now: now.wall)
    nodes.arrange(&fleet.nodes, now: now.wall)
    blocks.arrange(&fleet.blocks, now: now.wall)
    listeners.arrange(&fleet.listeners, now: now.wall)
    requests.arrange(&fleet.requests, now: now.wall)
    events.arrange(&fleet.events, now: now.wall)
  }

  private mutating func restyle() { styles = Styles(theme, depth: depth) }

  // MARK: Events

  package mutating func handle(_ event: AppEvent, at now: Moment) -> [AppEffect] {
    self.now = now
    fleet.wall = now.wall
    var effects: [AppEffect] = []
    switch event {
    case .key(let key): effects = handle(key)
    case .mouse(let event): effects = handle(event)
    case .paste(let text): effects = paste(text)
    case .resize(let size): self.size = Size(columns: max(0, size.columns), rows: max(0, size.rows))
    case .connection(let state, let server): connectionChanged(state, server: server)
    case .message(let message, let server): effects = receive(message, server: server)
    case .rewind: fleet.forgetAll()
    case .tick: break
    }
    effects += passTime()
    return effects
  }

  /// A new ID for a message.
  mutating func newID(_ prefix: String) -> String {
    defer { nextID += 1 }
    return "\(prefix)\(nextID)"
  }

  mutating func say(_ text: String, _ role: Role = .foreground) {
    message = Message(text: text, role: role, until: now.steady + .seconds(role == .error || role == .warn ? 8 : 4))
  }

  /// Whether a person may act on that server from here.
  func isOperator(of server: Int) -> Bool {
    !options.isReadOnly && !options.isReplay && fleet.servers.indices.contains(server) && fleet.servers[server].hello?.role == .operator
  }

  var isOperatorAnywhere: Bool { fleet.servers.indices.contains(where: isOperator(of:)) }

  var showsServer: Bool { fleet.servers.count > 1 }
}

/// Why the dashboard does not start: one line for people.
package struct AppError: Error, Equatable, CustomStringConvertible, Sendable {
  package let description: String

  package init(_ description: String) { self.description = description }
}
