internal import PicoCore
internal import Synchronization

/// The keys of one port as they are now: those of files, and those of a key set that is fetched. Readers take a snapshot and never wait.
package final class KeyRing: Sendable {
  /// Fetches the key set's text, within its own limits of time and size, and ends soon when its task is cancelled. The error is one line.
  package typealias Fetch = @Sendable () async throws(KeyFetchError) -> [UInt8]

  /// What came of a fetch.
  package enum Outcome: Equatable, Sendable {
    /// The keys are other ones now.
    case changed
    case unchanged
    case failed(KeyFetchError)
  }

  package struct Snapshot: Sendable {
    package var keys = KeySet()
    /// Counts changes of the keys.
    package var generation: UInt64 = 0
  }

  private struct State {
    var fixed: [VerificationKey] = []
    var fetched: [VerificationKey] = []
    var schedule = RefreshSchedule()
    var flight: Task<Outcome, Never>?
    var isClosed = false
    var current = Snapshot()
  }

  private let state = Locked(State())
  /// The snapshot's, for readers that look at each request.
  private let published = Atomic<UInt64>(0)
  private let fetch: Fetch?
  private let clock: @Sendable () -> Double

  /// - Parameters:
  ///   - fetch: nil when there is no set to fetch.
  ///   - clock: steady seconds.
  package init(fetch: Fetch? = nil, clock: @escaping @Sendable () -> Double) {
    self.fetch = fetch
    self.clock = clock
    _ = state.withLock { publish(&$0) }
  }

  package var snapshot: Snapshot { state.withLock { $0.current } }
  package var generation: UInt64 { published.load(ordering: .acquiring) }

  /// Puts the keys of files in place of those that were; true when they are other ones.
  package func replaceFixed(_ keys: [VerificationKey]) -> Bool {
    state.withLock { state in
      state.fixed = keys
      return publish(&state)
    }
  }

  /// A token names a key that is not here: waits for the set to be fetched, if that may be done now. False when it may not.
  package func refreshForUnknownKey() async -> Bool {
    await refresh { $0.mayFetch(now: $1) } != nil
  }

  /// Whether ``refreshForUnknownKey()`` would wait for something.
  package var mayRefresh: Bool {
    let now = clock()
    return fetch != nil && state.withLock { !$0.isClosed && ($0.flight != nil || $0.schedule.mayFetch(now: now)) }
  }

  /// To be called every few seconds: fetches when it is time, and lets go of keys whose source was silent for a day. nil when there was
  /// nothing to do.
  package func maintain() async -> Outcome? {
    let now = clock()
    let isDropped = state.withLock { state in
      guard !state.fetched.isEmpty, state.schedule.isStale(now: now) else { return false }
      state.fetched = []
      return publish(&state)
    }
    let outcome = await refresh { $0.isDue(now: $1) }
    return isDropped ? .changed : outcome
  }

  /// Nothing is fetched from now on. Returns when a fetch that is under way has ended, which is told to stop.
  package func close() async {
    let flight = state.withLock { state in
      state.isClosed = true
      return state.flight
    }
    flight?.cancel()
    _ = await flight?.value
  }

  /// One fetch at a time: who comes while one is under way waits for that one.
  private func refresh(if isTime: (RefreshSchedule, Double) -> Bool) async -> Outcome? {
    guard let fetch else { return nil }
    let now = clock()
    let flight: Task<Outcome, Never>? = state.withLock { state in
      guard !state.isClosed else { return nil }
      if let flight = state.flight { return flight }
      guard isTime(state.schedule, now) else { return nil }
      state.schedule.begin(now: now)
      let flight = Task { await self.load(fetch) }
      state.flight = flight
      return flight
    }
    return await flight?.value
  }

  private func load(_ fetch: Fetch) async -> Outcome {
    let result: Result<[VerificationKey], KeyFetchError>
    do throws(KeyFetchError) {
      let text = try await fetch()
      do throws(KeyFault) {
        result = .success(try await KeySetDocument.keys(text))
      } catch {
        result = .failure(KeyFetchError("\(error)"))
      }
    } catch {
      result = .failure(error)
    }
    let now = clock()
    return state.withLock { state in
      state.flight = nil
      switch result {
      case .failure(let error): return .failed(error)
      case .success(let keys):
        state.schedule.succeed(now: now)
        state.fetched = keys
        return publish(&state) ? .changed : .unchanged
      }
    }
  }

  /// True when readers see other keys from now on.
  private func publish(_ state: inout State) -> Bool {
    let next = KeySet(state.fixed + state.fetched, mayGrow: fetch != nil)
    let isNew = !next.hasSameKeys(as: state.current.keys)
    state.current = Snapshot(keys: next, generation: state.current.generation &+ (isNew ? 1 : 0))
    published.store(state.current.generation, ordering: .releasing)
    return isNew
  }
}

/// Why a key set could not be read: one line.
package struct KeyFetchError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description.escapedForDisplay }
}
