package import EtcdClient
package import Logging
package import PicoCore
internal import Synchronization

/// A cluster's routes in etcd. Three loops beside each other keep the lease, write what this node has and read what the others have; what
/// they do is decided by `LeaseState`, `OwnKeys` and `RouteMirror`.
package final class EtcdRouteStore: RouteStore {
  package struct Configuration: Sendable {
    package var etcd: EtcdConfiguration
    /// The cluster's name; the first node writes it and those of another name are refused.
    package var name: String
    package var prefix: String
    /// After so long without a sign of life a node's keys go. Whole seconds.
    package var leaseTime: Duration

    package init(etcd: EtcdConfiguration, name: String, prefix: String = "/pico/v1", leaseTime: Duration = .seconds(10)) {
      self.etcd = etcd
      self.name = name
      self.prefix = prefix
      self.leaseTime = leaseTime
    }
  }

  package let node: NodeID
  package let changes = ChangeFeed()

  struct State {
    var own = OwnKeys()
    var lease: LeaseState
    var mirror: RouteMirror
    /// Whether another node can be reached, as far as its links tell.
    var isAlive: @Sendable (NodeID) -> Bool = { _ in false }
    var limits = LookupLimits()
    var lookups: [EndpointID: [CheckedContinuation<RouteLookup, Never>]] = [:]
    var lastProof: ContinuousClock.Instant
    var hasReadAll = false
    var isLeaving = false
    var fault: String?
  }

  let configuration: Configuration
  let keys: ClusterKeys
  let client: EtcdClient
  let log: Logger
  let state: Locked<State>
  let leaseBell = Doorbell()
  let writeBell = Doorbell()
  let readBell = Doorbell()
  private let leftBell = Doorbell()

  /// - Throws: `.badConfiguration`, naming the key or file.
  package init(_ configuration: Configuration, node: NodeID, log: Logger) throws(PicoError) {
    guard ClusterKeys.isName(configuration.name) else {
      throw PicoError(
        .badConfiguration, "cluster.name: \(configuration.name) is not 1 to 128 of A-Z a-z 0-9 . _ ~ -", side: .internal)
    }
    let keys = try ClusterKeys(prefix: configuration.prefix)
    do {
      client = try EtcdClient(configuration.etcd)
    } catch {
      throw PicoError(.badConfiguration, "cluster.etcd: \(error.message)", side: .internal)
    }
    self.configuration = configuration
    self.keys = keys
    self.node = node
    self.log = log
    let now = ContinuousClock.now
    state = Locked(
      State(
        lease: LeaseState(now: now),
        mirror: RouteMirror(keys: keys, own: node, grace: configuration.leaseTime), lastProof: now))
  }

  package var health: StoreHealth {
    state.withLock {
      StoreHealth(hasReadAll: $0.hasReadAll, staleFor: ContinuousClock.now - $0.lastProof, fault: $0.fault)
    }
  }

  package func run() async throws(PicoError) {
    defer { changes.finish() }
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await self.client.run() }
        group.addTask { try await self.work() }
        group.addTask { await self.leftBell.wait() }
        defer { group.cancelAll() }
        try await group.next()
      }
    } catch let error as PicoError {
      throw error
    } catch {
      // The task was cancelled while it waited: an end like any other.
    }
  }

  private func work() async throws {
    while !Task.isCancelled {
      do throws(EtcdError) {
        try await claim()
        break
      } catch {
        try failed("the store did not answer", error, mayRefuse: true)
        try await Task.sleep(for: .milliseconds(500))
      }
    }
    await withDiscardingTaskGroup { group in
      group.addTask { await self.keepLease() }
      group.addTask { await self.write() }
      group.addTask { await self.read() }
    }
  }

  package func askAlive(_ isAlive: @escaping @Sendable (NodeID) -> Bool) { state.withLock { $0.isAlive = isAlive } }

  /// Writes the cluster's name if there is none, and compares it. Behind the name stands a random number, by which a store that was emptied
  /// and filled again is told from the one of before.
  ///
  /// - Throws: `.configuration` if it is another.
  func claim() async throws(EtcdError) {
    let value = Array("1 \(configuration.name) \(Hexadecimal.text(.random(in: 0 ... .max)))".utf8)
    // Done twice it only compares.
    let outcome = try await client.commit(
      EtcdTransaction(
        if: [.isAbsent(keys.cluster)], then: [.put(keys.cluster, value)], otherwise: [.get(.key(keys.cluster))], isRepeatable: true))
    guard !outcome.held, let there = outcome.found.first?.first?.text else { return }
    let words = there.split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[1] == configuration.name else {
      let name = words.count >= 2 ? String(words[1]) : there
      throw EtcdError(
        .configuration, "cluster.name: \(configuration.name) is not the cluster at \(configuration.prefix), which is \(name)")
    }
  }

  /// Takes note of a failure, for the log once and for `health` while it lasts.
  ///
  /// - Parameter mayRefuse: throws a `PicoError` for what no waiting mends.
  func failed(_ what: String, _ error: EtcdError, mayRefuse: Bool = false) throws(PicoError) {
    if mayRefuse {
      switch error.code {
      case .configuration: throw PicoError(.badConfiguration, error.message, side: .internal)
      case .permissionDenied, .unauthenticated:
        throw PicoError(.forbidden, "cluster.etcd: \(error.message), for \(keys.all)", side: .internal)
      default: break
      }
    }
    note(what, error)
  }

  func note(_ what: String, _ error: EtcdError) {
    if error.code == .stopped { return }
    let isNew = state.withLock { state in
      defer { state.fault = error.message }
      return state.fault != error.message
    }
    if isNew { log.warning("the cluster's store failed", metadata: ["what": "\(what)", "error": "\(error)"]) }
  }

  package func leave() async {
    let lease = state.withLock { state in
      state.isLeaving = true
      return state.lease.lease
    }
    if let lease {
      do throws(EtcdError) {
        try await client.revoke(lease)
      } catch {
        if error.code != .leaseNotFound {
          log.warning("the node's lease was not revoked and ends by itself", metadata: ["error": "\(error)"])
        }
      }
    }
    leftBell.ring()
  }
}
