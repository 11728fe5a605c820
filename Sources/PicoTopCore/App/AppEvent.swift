package import PicoStatus

/// What happens to the dashboard.
package enum AppEvent: Sendable {
  case key(Key)
  case mouse(MouseEvent)
  /// Text that was pasted at once.
  case paste(String)
  case resize(Size)
  /// From the server of that index.
  case message(ServerMessage, server: Int)
  case connection(ConnectionState, server: Int)
  /// A recording begins anew: what came until now comes again.
  case rewind
  /// At least once a second: time passed.
  case tick
}

/// Of one server.
package enum ConnectionState: Equatable, Sendable {
  case connecting
  /// The hello came.
  case connected
  /// `reason` is one line for people; the next try comes in `retrySeconds`.
  case lost(reason: String, retrySeconds: Double)
}

/// What the dashboard wants done by what is around it.
package enum AppEffect: Equatable, Sendable {
  case send(ClientMessage, server: Int)
  /// To the clipboard of the terminal (OSC 52).
  case copy(String)
  /// Remember the settings that a person changed.
  case saveSettings
  case setMouse(Bool)
  case bell
  /// Only while a recording is shown.
  case replay(ReplayCommand)
  case quit
}

package enum ReplayCommand: Equatable, Sendable {
  case pause, resume
  /// From where it is, in seconds; negative goes back.
  case seek(Double)
  /// 1 is as recorded.
  case speed(Double)
}
