import PicoCore
import PicoStatus
import PicoTopCore
import Testing

/// A dashboard with servers that answer as real ones do, with made figures and a clock of its own.
struct Stage {
  var app: App
  var now: Moment
  /// All effects so far.
  var effects: [AppEffect] = []
  private var sequences: [String: UInt64] = [:]

  static let start = Timestamp(seconds: 1_795_514_400)

  init(
    size: Size = Size(columns: 80, rows: 24), servers: [String] = ["localhost:8081"], theme: Theme = GoldenText.theme,
    depth: ColourDepth = .trueColour, change: (inout AppOptions, inout TopSettings) -> Void = { _, _ in }
  ) throws {
    var options = AppOptions(servers: servers)
    var settings = TopSettings()
    change(&options, &settings)
    now = Moment(steady: .zero, wall: Self.start)
    app = try App(options: options, settings: settings, themes: [theme, .builtIn], theme: theme.name, size: size, now: now)
    app.depth = depth
  }

  mutating func pass(_ duration: Duration) {
    now.steady += duration
    now.wall = Timestamp(milliseconds: Self.start.milliseconds + Int64(now.steady / .milliseconds(1)))
  }

  @discardableResult
  mutating func happen(_ event: AppEvent) -> [AppEffect] {
    let new = app.handle(event, at: now)
    effects += new
    return new
  }

  @discardableResult
  mutating func press(_ keys: Key...) -> [AppEffect] {
    keys.flatMap { happen(.key($0)) }
  }

  @discardableResult
  mutating func type(_ text: String) -> [AppEffect] {
    text.flatMap { happen(.key(.character($0))) }
  }

  mutating func grid() -> Grid { app.draw(at: now) }

  /// The screen as lines of text.
  mutating func lines() -> [String] {
    let grid = grid()
    return (0..<grid.size.rows).map { row in String((0..<grid.size.columns).compactMap { grid[row, $0].text }) }
  }

  mutating func text() -> String { lines().joined(separator: "\n") }

  // MARK: Servers

  mutating func connect(server: Int = 0, role: StatusRole = .operator, node: String = "n-1f3a") {
    happen(.connection(.connected, server: server))
    happen(.message(.hello(Hello(node: node, version: "1.0.0", role: role, now: now.wall)), server: server))
  }

  /// Connected, and everything that is wanted is answered.
  mutating func settle(_ fleet: MadeFleet = MadeFleet(), server: Int = 0, role: StatusRole = .operator, node: String = "n-1f3a") {
    connect(server: server, role: role, node: node)
    answer(fleet, server: server)
  }

  /// Answers all that was asked of a server and not answered yet.
  mutating func answer(_ fleet: MadeFleet = MadeFleet(), server: Int = 0) {
    while let index = effects.firstIndex(where: { if case .send(_, server) = $0 { true } else { false } }) {
      guard case .send(let message, _) = effects.remove(at: index) else { continue }
      for reply in fleet.replies(to: message, now: now.wall, sequence: { nextSequence($0) }) {
        happen(.message(reply, server: server))
      }
    }
  }

  mutating func nextSequence(_ id: String) -> UInt64 {
    sequences[id, default: 0] += 1
    return sequences[id, default: 0]
  }

  mutating func update(_ id: String = "fleet", _ change: (inout Update) -> Void = { _ in }, server: Int = 0) {
    var update = Update(id: id, sequence: nextSequence(id), now: now.wall, total: 0)
    change(&update)
    happen(.message(.update(update), server: server))
  }

  /// The messages that were sent and not answered.
  var sent: [ClientMessage] {
    effects.compactMap { if case .send(let message, _) = $0 { message } else { nil } }
  }
}
