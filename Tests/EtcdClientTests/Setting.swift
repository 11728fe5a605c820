import EtcdClient
import PicoCore
import Support
import Synchronization

/// Real members and a client of theirs.
struct Setting {
  let stage: Stage
  let servers: EtcdServers
  let client: EtcdClient

  /// Runs the client while `body` does.
  static func run(
    _ members: Int = 1, configure: (inout EtcdConfiguration) -> Void = { _ in }, _ body: (Setting) async throws -> Void
  ) async throws {
    let stage = try Stage()
    let servers = try await EtcdServers(members, on: stage)
    var configuration = EtcdConfiguration(endpoints: servers.ports.map { HostPort(host: "127.0.0.1", port: $0) })
    configure(&configuration)
    let client = try EtcdClient(configuration, startingAt: 0)
    try await client.running { try await body(Setting(stage: stage, servers: servers, client: client)) }
  }
}

extension EtcdClient {
  func running(_ body: () async throws -> Void) async throws {
    try await withThrowingDiscardingTaskGroup { group in
      group.addTask { await self.run() }
      defer { group.cancelAll() }
      try await body()
    }
  }
}

/// What a watch told, for a test to wait for.
final class Seen: Sendable {
  private let state = Mutex<(updates: [EtcdClient.WatchUpdate], end: EtcdError?)>(([], nil))

  func add(_ update: EtcdClient.WatchUpdate) { state.withLock { $0.updates.append(update) } }
  func ended(_ error: EtcdError) { state.withLock { $0.end = error } }

  var end: EtcdError? { state.withLock { $0.end } }
  var updates: [EtcdClient.WatchUpdate] { state.withLock { $0.updates } }
  var isOpen: Bool { updates.contains(.opened) }
  var interruptions: Int { updates.count { if case .interrupted = $0 { true } else { false } } }

  /// `+key=value` or `-key`, in order.
  var events: [String] {
    updates.flatMap { update -> [String] in
      guard case .events(let events) = update else { return [] }
      return events.map {
        switch $0 {
        case .put(let pair): "+\(pair.key)=\(pair.text)"
        case .delete(let key, _): "-\(key)"
        }
      }
    }
  }
}

extension Setting {
  /// Watches beside `body`.
  func watching(_ prefix: String, after read: EtcdHeader, _ body: (Seen) async throws -> Void) async throws {
    let seen = Seen()
    try await withThrowingDiscardingTaskGroup { group in
      group.addTask { [client] in
        do throws(EtcdError) {
          try await client.watch(prefix, after: read) { seen.add($0) }
        } catch {
          seen.ended(error)
        }
      }
      defer { group.cancelAll() }
      try await body(seen)
    }
  }

  func put(_ key: String, _ value: String) async throws { try await client.put(key, Array(value.utf8)) }

  func now() async throws -> EtcdHeader { try await client.get(.key("x")).header }
}
