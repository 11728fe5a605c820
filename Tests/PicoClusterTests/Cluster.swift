import EtcdClient
import Logging
import PicoCluster
import PicoCore
import Support
import Synchronization

/// Real members and nodes on them.
struct Cluster {
  let stage: Stage
  let servers: EtcdServers

  init(_ members: Int = 1) async throws {
    stage = try Stage()
    servers = try await EtcdServers(members, on: stage)
  }

  func configuration(name: String = "test", prefix: String = "/pico/v1") -> EtcdRouteStore.Configuration {
    let endpoints = servers.ports.map { HostPort(host: "127.0.0.1", port: $0) }
    return EtcdRouteStore.Configuration(
      etcd: EtcdConfiguration(endpoints: endpoints), name: name, prefix: prefix, leaseTime: .seconds(5))
  }

  /// Runs a node while `body` does; when that ends the node is gone as if it had crashed.
  func node<Result>(
    id: NodeID = NodeID(prefix: "n-")!, _ configure: (inout EtcdRouteStore.Configuration) -> Void = { _ in },
    _ body: (TestNode) async throws -> Result
  ) async throws -> Result {
    var configuration = configuration()
    configure(&configuration)
    let node = TestNode(try EtcdRouteStore(configuration, node: id, log: .quiet))
    return try await node.running { try await body(node) }
  }

  /// Everything that is stored, by key.
  func stored() async throws -> [String: EtcdKeyValue] {
    let client = try EtcdClient(configuration().etcd)
    let running = Task { await client.run() }
    defer { running.cancel() }
    return Dictionary(uniqueKeysWithValues: try await client.get(.prefix("/")).pairs.map { ($0.key, $0) })
  }
}

extension Logger {
  static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

/// A node's store and what it was told of the others.
final class TestNode: Sendable {
  struct View: Sendable, Equatable {
    var records: [NodeID: NodeRecord] = [:]
    var routes: [EndpointID: [NodeID: Int]] = [:]
    var blocks: [String: [UInt8]] = [:]
    /// How many routes were taken back.
    var losses = 0
  }

  let store: EtcdRouteStore
  private let state = Mutex((view: View(), end: PicoError?.none, hasEnded: false))

  init(_ store: EtcdRouteStore) { self.store = store }

  var node: NodeID { store.node }
  var view: View { state.withLock { $0.view } }
  var end: PicoError? { state.withLock { $0.end } }
  var hasEnded: Bool { state.withLock { $0.hasEnded } }

  func routes(_ route: EndpointID) -> [NodeID: Int] { view.routes[route] ?? [:] }

  func running<Result>(_ body: () async throws -> Result) async throws -> Result {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do throws(PicoError) {
          try await self.store.run()
          self.state.withLock { $0.hasEnded = true }
        } catch {
          self.state.withLock { ($0.end, $0.hasEnded) = (error, true) }
        }
      }
      group.addTask { while let changes = await self.store.changes.next() { self.take(changes) } }
      defer { group.cancelAll() }
      return try await body()
    }
  }

  private func take(_ changes: [ClusterChange]) {
    state.withLock { state in
      for change in changes {
        switch change {
        case .node(let node, let record): state.view.records[node] = record
        case .route(let route, let node, let listeners):
          state.view.routes[route, default: [:]][node] = listeners == 0 ? nil : listeners
          if listeners == 0 { state.view.losses += 1 }
        case .block(let id, let value): state.view.blocks[id] = value
        }
      }
    }
  }
}

func route(_ name: String, tenant: String = "") -> EndpointID { EndpointID(name, of: TenantID(tenant) ?? .default)! }
