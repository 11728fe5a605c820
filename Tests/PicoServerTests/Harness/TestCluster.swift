import Glibc
import Logging
import NIOCore
import PicoCluster
import PicoCore
import PicoTunnel
import Support
import Synchronization

@testable import PicoServer

/// Nodes of one process with real links between them, on a store in memory that can be cut off from all of them.
struct TestCluster: Sendable {
  private(set) var nodes: [RunningNode] = []
  let stores = CutStores()
  /// What the nodes logged, by node.
  private(set) var logs: [LogLines] = []
  private let directory: TemporaryDirectory
  private let threads: Int

  static func with(_ count: Int, threads: Int = 1, _ body: (TestCluster) async throws -> Void) async throws {
    let directory = try TemporaryDirectory()
    try directory.write("secret", String(repeating: "s3cret-", count: 9))
    let cluster = TestCluster(directory: directory, threads: threads)
    try await cluster.growing(by: count) { cluster in
      try await cluster.linked()
      try await body(cluster)
    }
  }

  private init(directory: TemporaryDirectory, threads: Int) {
    self.directory = directory
    self.threads = threads
  }

  /// With so many more nodes while `body` runs.
  func growing(by count: Int, _ body: (TestCluster) async throws -> Void) async throws {
    guard count > 0 else { return try await body(self) }
    let lines = LogLines()
    try await RunningNode.member(of: stores.make, threads: threads, log: lines) {
      $0.cluster.name = "tests"
      $0.cluster.listen = HostPort(host: "127.0.0.1", port: 0)
      $0.cluster.secretFile = directory.path("secret")
      $0.cluster.leaseTTL = .seconds(1)
      $0.gracePeriod = .seconds(5)
    } _: { node in
      var larger = self
      larger.nodes.append(node)
      larger.logs.append(lines)
      try await larger.growing(by: count - 1, body)
    }
  }

  /// Every node can reach every other one, and takes requests.
  func linked() async throws {
    try await eventually("links") {
      nodes.allSatisfy { $0.node?.membership?.others == nodes.count - 1 && $0.node?.membership?.unreadiness == nil }
    }
  }

  /// The node's loops do nothing for so long.
  func hang(_ index: Int, for seconds: UInt32) {
    for loop in nodes[index].server.nodeLoops?.loops ?? [] { loop.eventLoop.execute { sleep(seconds) } }
  }
}

extension Membership {
  /// Ends every link of this node to others; each is dialled again.
  func closeLinks() async {
    let peers = peers.values.map(\.node)
    _ = await loops.gather { context in
      for peer in peers { peer.link(context.resources)?.tunnel?.close() }
    }
  }
}

/// Stores in memory that can be cut off: then nobody is told anything, and what was to be told waits.
final class CutStores: Sendable {
  fileprivate struct State {
    var isCut = false
    var stores: [CutStore] = []
  }

  private let routes = MemoryRoutes()
  fileprivate let state = Mutex(State())

  var make: Server.StoreMaker {
    { [self] (node, _) throws(PicoError) -> any RouteStore in
      let store = CutStore(MemoryRouteStore(routes, node: node), of: self)
      state.withLock { $0.stores.append(store) }
      return store
    }
  }

  var isCut: Bool { state.withLock { $0.isCut } }
  func cut() { state.withLock { $0.isCut = true } }

  func mend() {
    let stores = state.withLock { state in
      state.isCut = false
      return state.stores
    }
    for store in stores { store.tellWaiting() }
  }
}

final class CutStore: RouteStore {
  private struct Waiting {
    var record: NodeRecord?
    var listeners: [EndpointID: Int] = [:]
  }

  private let store: MemoryRouteStore
  private let all: CutStores
  private let waiting = Mutex(Waiting())

  init(_ store: MemoryRouteStore, of all: CutStores) {
    self.store = store
    self.all = all
  }

  var node: NodeID { store.node }
  var changes: ChangeFeed { store.changes }
  var health: StoreHealth { StoreHealth(hasReadAll: true, staleFor: all.isCut ? .seconds(60) : .zero) }

  func askAlive(_ isAlive: @escaping @Sendable (NodeID) -> Bool) { store.askAlive(isAlive) }
  func run() async throws(PicoError) { try await store.run() }
  func leave() async { await store.leave() }

  func setRecord(_ record: NodeRecord) {
    guard all.isCut else { return store.setRecord(record) }
    waiting.withLock { $0.record = record }
  }

  func setListeners(_ count: Int, for endpoint: EndpointID) {
    guard all.isCut else { return store.setListeners(count, for: endpoint) }
    waiting.withLock { $0.listeners[endpoint] = count }
  }

  func tellWaiting() {
    let told = waiting.withLock { waiting in
      defer { waiting = Waiting() }
      return waiting
    }
    if let record = told.record { store.setRecord(record) }
    for (endpoint, count) in told.listeners { store.setListeners(count, for: endpoint) }
  }

  func putBlock(_ id: String, _ value: [UInt8], lasting: Duration) async throws(PicoError) {
    guard !all.isCut else { throw PicoError(.unreachable, "cut off", side: .internal) }
    try await store.putBlock(id, value, lasting: lasting)
  }

  func lookUp(_ endpoint: EndpointID) async -> RouteLookup { all.isCut ? .unanswered : await store.lookUp(endpoint) }
}
