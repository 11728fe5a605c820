import JWTKit
import PicoCore
import Synchronization
import Testing

@testable import PicoAuth

@Suite struct KeyRingTests {
  /// A source of key sets and a clock that tests move.
  final class Source: Sendable {
    private struct State {
      var now = 1000.0
      var set: [UInt8]?
      var fetches = 0
      var waiting: [CheckedContinuation<Void, Never>] = []
      var isHeld = false
    }

    private let state = Mutex(State())

    var ring: KeyRing {
      KeyRing(
        fetch: { () async throws(KeyFetchError) in try await self.fetch() }, clock: { self.state.withLock { $0.now } })
    }

    var fetches: Int { state.withLock { $0.fetches } }
    func pass(_ seconds: Double) { state.withLock { $0.now += seconds } }
    func publish(_ set: [UInt8]?) { state.withLock { $0.set = set } }
    func hold() { state.withLock { $0.isHeld = true } }
    var isWaiting: Bool { state.withLock { !$0.waiting.isEmpty } }

    func release() {
      let waiting = state.withLock { state in
        state.isHeld = false
        defer { state.waiting = [] }
        return state.waiting
      }
      for continuation in waiting { continuation.resume() }
    }

    private func fetch() async throws(KeyFetchError) -> [UInt8] {
      state.withLock { $0.fetches += 1 }
      await withCheckedContinuation { continuation in
        let goesOn = state.withLock { state in
          if state.isHeld { state.waiting.append(continuation) }
          return !state.isHeld
        }
        if goesOn { continuation.resume() }
      }
      guard let set = state.withLock({ $0.set }) else { throw KeyFetchError("down") }
      return set
    }
  }

  private let first = ES256PrivateKey()
  private let second = ES256PrivateKey()
  private func set(_ ids: String...) -> [UInt8] {
    Array("{\"keys\":[\(ids.map { MadeTokens.jwk($0 == "1" ? first.publicKey : second.publicKey, id: $0) }.joined(separator: ","))]}".utf8)
  }
  private func ids(_ ring: KeyRing) -> [String?] { ring.snapshot.keys.keys.map(\.id) }

  @Test func `a set is fetched at most every 30 seconds whatever is asked for`() async {
    let source = Source()
    let ring = source.ring
    source.publish(set("1"))
    #expect(ring.mayRefresh)
    #expect(await ring.refreshForUnknownKey())
    #expect(ids(ring) == ["1"] && ring.generation == 1)
    for _ in 0..<100 { #expect(await !ring.refreshForUnknownKey()) }
    #expect(!ring.mayRefresh && source.fetches == 1)
    source.pass(29.9)
    #expect(await !ring.refreshForUnknownKey())
    source.pass(0.1)
    source.publish(set("1", "2"))
    #expect(await ring.refreshForUnknownKey())
    #expect(ids(ring) == ["1", "2"] && ring.generation == 2 && source.fetches == 2)
  }

  @Test func `a failure counts as an attempt`() async {
    let source = Source()
    let ring = source.ring
    #expect(await ring.maintain() == .failed(KeyFetchError("down")))
    #expect(await ring.maintain() == nil)
    #expect(await !ring.refreshForUnknownKey())
    #expect(source.fetches == 1)
  }

  @Test func `who comes during a fetch waits for that one`() async {
    let source = Source()
    let ring = source.ring
    source.publish(set("1"))
    source.hold()
    await withTaskGroup { group in
      for _ in 0..<50 { group.addTask { #expect(await ring.refreshForUnknownKey()) } }
      while !source.isWaiting { await Task.yield() }
      #expect(ring.mayRefresh)
      source.release()
    }
    #expect(source.fetches == 1 && ids(ring) == ["1"])
  }

  @Test func `a set is fetched again when it is time`() async {
    let source = Source()
    let ring = source.ring
    source.publish(set("1"))
    #expect(await ring.maintain() == .changed)
    source.pass(44)
    #expect(await ring.maintain() == nil)
    source.pass(1)
    #expect(await ring.maintain() == .unchanged)
    #expect(ring.generation == 1)
    source.pass(45)
    source.publish(set("2"))
    #expect(await ring.maintain() == .changed)
    #expect(ids(ring) == ["2"] && ring.generation == 2)
  }

  @Test(arguments: ["{\"keys\":[]}", "<html>", ""])
  func `the last keys go on counting for a day`(answer: String) async {
    let source = Source()
    let ring = source.ring
    source.publish(set("1"))
    #expect(await ring.maintain() == .changed)
    source.publish(Array(answer.utf8))
    for _ in 0..<(24 * 60 - 1) {
      source.pass(60)
      _ = await ring.maintain()
      #expect(ids(ring) == ["1"])
    }
    source.pass(60)
    #expect(await ring.maintain() == .changed)
    #expect(ids(ring) == [] && ring.generation == 2)
    source.pass(60)
    source.publish(set("1"))
    #expect(await ring.maintain() == .changed)
    #expect(ids(ring) == ["1"])
  }

  @Test func `keys of files and of the set count together`() async throws {
    let source = Source()
    let ring = source.ring
    source.publish(set("1"))
    let fixed = try await VerificationKey(secret: MadeTokens.secret)
    #expect(ring.replaceFixed([fixed]))
    #expect(!ring.replaceFixed([fixed]))
    _ = await ring.maintain()
    #expect(ids(ring) == [nil, "1"] && ring.snapshot.keys.contains(fixed.fingerprint))
    #expect(ring.replaceFixed([]))
    #expect(ids(ring) == ["1"] && !ring.snapshot.keys.contains(fixed.fingerprint))
  }

  @Test func `a ring that is closed tells a fetch to stop, waits for its end and begins no other`() async {
    let isFetching = Mutex(false)
    let ring = KeyRing(
      fetch: { () async throws(KeyFetchError) in
        isFetching.withLock { $0 = true }
        while !Task.isCancelled { await Task.yield() }
        isFetching.withLock { $0 = false }
        throw KeyFetchError("stopped")
      }, clock: { 1000 })
    async let waiting = ring.refreshForUnknownKey()
    while !isFetching.withLock({ $0 }) { await Task.yield() }
    await ring.close()
    #expect(!isFetching.withLock { $0 })
    #expect(await waiting)
    #expect(!ring.mayRefresh)
    #expect(await !ring.refreshForUnknownKey())
    #expect(await ring.maintain() == nil)
  }

  @Test func `without a set there is nothing to fetch`() async {
    let ring = KeyRing { 0 }
    #expect(!ring.mayRefresh)
    #expect(await !ring.refreshForUnknownKey())
    #expect(await ring.maintain() == nil)
  }

  @Test func `a key under another ID or algorithm is a change`() async throws {
    let key = try await KeySetDocument.keys(set("1"))
    let renamed = try await KeySetDocument.keys(MadeTokens.set(MadeTokens.jwk(first.publicKey, id: "x")))
    #expect(KeySet(key).hasSameKeys(as: KeySet(key)))
    #expect(!KeySet(key).hasSameKeys(as: KeySet(renamed)))
  }
}
