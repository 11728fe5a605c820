package import PicoCore
package import PicoStatus

/// What a dashboard was told, with the times: lines of JSON. The first is the header, every other an entry:
/// ```
/// {"pico-recording":1,"started":"2026-11-23T10:00:00.000Z","servers":["ws://localhost:8081"]}
/// {"t":12,"server":0,"connection":"connected"}
/// {"t":15,"server":0,"message":{"type":"hello",…}}
/// {"t":9000,"server":0,"connection":"lost","reason":"closed by the server"}
/// ```
package enum Recording {
  package static let version = 1
  /// The longest line, in bytes.
  package static let maximumLine = 64 << 20

  package struct Header: Equatable, Sendable {
    package var started: Timestamp
    /// As a person named them; entries give an index into these.
    package var servers: [String]

    package init(started: Timestamp, servers: [String]) {
      self.started = started
      self.servers = servers
    }
  }

  package struct Entry: Equatable, Sendable {
    package enum Event: Equatable, Sendable {
      case message(ServerMessage)
      case connection(ConnectionState)
    }

    /// Since the start.
    package var milliseconds: Int
    package var server: Int
    package var event: Event

    package init(milliseconds: Int, server: Int, event: Event) {
      self.milliseconds = milliseconds
      self.server = server
      self.event = event
    }
  }
}

/// Why bytes are no recording; one escaped line with the place: `a.ndjson:3: expected a comma or the end at byte 17`.
package struct RecordingError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  init(_ file: String, line: Int, _ message: String) { description = "\(file):\(line): \(message)".escapedForDisplay }
}
