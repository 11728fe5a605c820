internal import EtcdClient
internal import Logging
package import PicoCore
internal import Synchronization

/// The lease and what this node says.
extension EtcdRouteStore {
  package func setRecord(_ record: NodeRecord) { set(.record, to: .record(record)) }

  package func setListeners(_ count: Int, for route: EndpointID) { set(.route(route), to: .listeners(count)) }

  private func set(_ key: OwnKeys.Key, to value: OwnKeys.Value) {
    let isFirst = state.withLock { state in
      let before = state.own.nextTime
      state.own.set(key, to: value, now: .now)
      return state.own.nextTime != before
    }
    if isFirst { writeBell.ring() }
  }

  package func putBlock(_ id: String, _ value: [UInt8], lasting: Duration) async throws(PicoError) {
    guard ClusterKeys.isName(id) else { throw PicoError(.internalError, "block \(id): not an ID", side: .internal) }
    do throws(EtcdError) {
      let lease = try await client.grantLease(lasting: lasting).lease
      try await client.put(keys.key(.block(id)), value, lease: lease)
    } catch {
      throw PicoError(.unreachable, "block \(id) was not stored", side: .internal, cause: error)
    }
  }

  func keepLease() async {
    while !Task.isCancelled {
      let started = ContinuousClock.now
      let (action, isLeaving) = state.withLock { ($0.lease.next(now: started), $0.isLeaving) }
      if isLeaving { return }
      do throws(EtcdError) {
        switch action {
        case .wait(let time): await leaseBell.wait(until: time)
        case .grant: try await grant(started: started)
        case .keepAlive(let lease):
          // A third of the time passes between two; each must have ended before the next.
          let lasting = try await client.keepAlive(lease, within: configuration.leaseTime / 3)
          state.withLock {
            $0.lease.kept(lease, lasting: lasting, started: started)
            $0.fault = nil
          }
        }
      } catch {
        if case .keepAlive(let lease) = action {
          if error.code == .leaseNotFound {
            lost(lease)
          } else {
            state.withLock { $0.lease.keepingFailed(lease, now: .now) }
            note("the lease was not kept alive", error)
          }
        } else {
          state.withLock { $0.lease.grantFailed(now: .now) }
          note("no lease was granted", error)
        }
      }
    }
  }

  private func grant(started: ContinuousClock.Instant) async throws(EtcdError) {
    // The store may be another since the last lease.
    try await claim()
    let granted = try await client.grantLease(lasting: configuration.leaseTime)
    let count = state.withLock { state in
      state.lease.granted(granted.lease, lasting: granted.lasting, now: started)
      state.own.leaseGranted(now: .now)
      state.fault = nil
      return state.own.count
    }
    log.info("the node has a lease", metadata: ["lease": "\(granted.lease)", "keys": "\(count)"])
    writeBell.ring()
  }

  /// The store does not know the lease: a new one is taken, and everything is written and read anew.
  private func lost(_ lease: EtcdLease) {
    let wasOurs = state.withLock { state in
      guard !state.isLeaving, state.lease.lost(lease, now: .now) else { return false }
      state.own.leaseLost()
      return true
    }
    guard wasOurs else { return }
    log.warning("the node's lease has ended; its keys are written again", metadata: ["lease": "\(lease)"])
    leaseBell.ring()
    readBell.ring()
  }

  func write() async {
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let (batch, lease, time) = state.withLock { state in
          let lease = state.isLeaving ? nil : state.lease.lease
          let batch = lease == nil ? nil : state.own.nextBatch(now: .now)
          return (batch, lease, lease == nil ? nil : state.own.nextTime)
        }
        if let batch, let lease {
          group.addTask { await self.write(batch, lease) }
        } else {
          await writeBell.wait(until: time)
        }
      }
    }
  }

  private func write(_ batch: OwnKeys.Batch, _ lease: EtcdLease) async {
    var result = OwnKeys.Result.unknown
    do throws(EtcdError) {
      let operations = batch.writes.map { write -> EtcdTransaction.Operation in
        let key = key(write.key)
        return switch write.value {
        case .record(let record): .put(key, record.json, lease)
        case .listeners(0): .delete(.key(key))
        case .listeners(let count): .put(key, ListenerCount.text(count), lease)
        }
      }
      result = .stored(try await client.commit(EtcdTransaction(then: operations)).header.revision)
    } catch {
      if error.code == .leaseNotFound { lost(lease) } else { note("keys were not written", error) }
    }
    state.withLock { $0.own.finished(batch, result, now: .now) }
    writeBell.ring()
  }

  private func key(_ key: OwnKeys.Key) -> String {
    switch key {
    case .record: keys.key(.node(node))
    case .route(let route): keys.key(.route(route, node))
    }
  }
}
