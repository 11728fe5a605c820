internal import PicoStatus

/// The whole dashboard as a value: events go in, effects and a grid come out.
package struct App: Sendable {
  /// What the terminal can show; set by whoever paints.
  package var depth = ColourDepth.trueColour
  /// With what a person changed since the start.
  package private(set) var settings: TopSettings
  package private(set) var theme: Theme
  /// When something on screen changes by time alone, since the start.
  package private(set) var nextWake: Duration?
  private let options: AppOptions
  private var size: Size

  /// Throws for keys that conflict or that nobody knows. `theme` is the name of one of `themes`.
  package init(options: AppOptions, settings: TopSettings, themes: [Theme], theme: String, size: Size, now: Moment) throws(AppError) {
    guard let chosen = themes.first(where: { $0.name == theme }) else { throw AppError("no theme is named \"\(theme)\"") }
    self.options = options
    self.settings = settings
    self.theme = chosen
    self.size = size
  }

  package mutating func handle(_ event: AppEvent, at now: Moment) -> [AppEffect] {
    switch event {
    case .resize(let size):
      self.size = size
      return []
    case .key(.character("q")): return [.quit]
    case .connection(.connected, let server):
      return [.send(.subscribe(Subscription(id: "fleet", tables: [.nodes, .endpoints, .totals, .blocks])), server: server)]
    default: return []
    }
  }

  package mutating func draw(at now: Moment) -> Grid {
    Grid(size: size, style: theme.style(.background, depth: depth))
  }
}

/// Why the dashboard does not start: one line for people.
package struct AppError: Error, Equatable, CustomStringConvertible, Sendable {
  package let description: String

  package init(_ description: String) { self.description = description }
}
