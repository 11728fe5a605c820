internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import PicoCore
internal import PicoStatus
internal import PicoTopCore

/// Where a dashboard's events come from beside the terminal: servers, or a recording. One thread uses it.
protocol EventFeed: AnyObject {
  /// What came since the last call. `now` is since the start.
  func take(at now: Duration) -> [AppEvent]
  /// When to call ``take(at:)`` although nothing rang; nil for never.
  func nextDue(at now: Duration) -> Duration?
  func send(_ message: ClientMessage, server: Int)
  /// Gives what the command brings at once.
  func run(_ command: ReplayCommand, at now: Duration) -> [AppEvent]
  func wall(at now: Duration) -> Timestamp
  func end()
}

/// Connections to servers, and the recording that is made of them.
final class LiveFeed: EventFeed {
  private let connections: [StatusConnection]
  private let recorder: Recorder?
  /// Why each server has no connection; nil for those that have, and those that were not heard of.
  private(set) var failures: [StatusFailure?]

  init(_ servers: [StatusAccess], recorder: Recorder?, wake: WakeDescriptor) throws(PicoError) {
    let eventLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
    var connections: [StatusConnection] = []
    for server in servers { connections.append(try StatusConnection(server, on: eventLoop) { wake.ring() }) }
    self.connections = connections
    self.recorder = recorder
    failures = servers.map { _ in nil }
  }

  func take(at now: Duration) -> [AppEvent] {
    var events: [AppEvent] = []
    for (server, connection) in connections.enumerated() {
      for event in connection.take() {
        let state: ConnectionState
        switch event {
        case .message(let message):
          record(.message(message), server, now)
          events.append(.message(message, server: server))
          continue
        case .connecting: state = .connecting
        case .connected:
          failures[server] = nil
          state = .connected
        case .lost(let failure, let retry):
          failures[server] = failure
          state = .lost(reason: failure.description, retrySeconds: retry / .seconds(1))
        }
        record(.connection(state), server, now)
        events.append(.connection(state, server: server))
      }
    }
    return events
  }

  private func record(_ event: Recording.Entry.Event, _ server: Int, _ now: Duration) {
    recorder?.add(Recording.Entry(milliseconds: Int(now / .milliseconds(1)), server: server, event: event))
  }

  func nextDue(at now: Duration) -> Duration? { nil }

  func send(_ message: ClientMessage, server: Int) { connections[server].send(message) }

  func run(_ command: ReplayCommand, at now: Duration) -> [AppEvent] { [] }

  func wall(at now: Duration) -> Timestamp { .now() }

  func end() {
    for connection in connections { connection.end() }
  }
}

/// A recording instead of servers.
final class ReplayFeed: EventFeed {
  private var player: ReplayPlayer

  init(_ player: ReplayPlayer) { self.player = player }

  func take(at now: Duration) -> [AppEvent] { player.due(at: now) }
  func nextDue(at now: Duration) -> Duration? { player.nextDue(at: now) }
  func send(_ message: ClientMessage, server: Int) { player.hear(message, server: server) }
  func run(_ command: ReplayCommand, at now: Duration) -> [AppEvent] { player.run(command, at: now) }
  func wall(at now: Duration) -> Timestamp { player.wall(at: now) }
  func end() {}
}
