package import PicoCore

/// What the time is. The dashboard has no clock of its own.
package struct Moment: Hashable, Sendable {
  /// Since the program started; never goes back.
  package var steady: Duration
  /// By the clock of this machine.
  package var wall: Timestamp

  package init(steady: Duration, wall: Timestamp) {
    self.steady = steady
    self.wall = wall
  }
}

/// What a person asked for at the start.
package struct AppOptions: Sendable {
  /// Names as shown, in the order of the connections.
  package var servers: [String]
  package var isReadOnly = false
  /// Servers where an action always asks for typing; `*` stands for any text.
  package var protected: [String] = []
  package var isASCII = false
  package var hasMouse = true
  package var isReplay = false
  package var startFilter: String?
  /// A member of the rows, with `-` before it for the largest first.
  package var startSort: String?
  package var intervalMilliseconds = 1000

  package init(servers: [String]) { self.servers = servers }
}
