@testable import PicoTunnel
import Testing

/// Both ends of a session against each other under seeded schedules.
@Suite struct SessionPairTests {
  struct Pair {
    let ends: [SessionEnd]
    var random: SeededGenerator
    var now: UInt64 = 1

    init(seed: Int) {
      random = SeededGenerator(seed: UInt64(seed))
      let isPico = !random.oneIn(3)
      let window = [16 << 10, 20_000, 64 << 10][random.below(3)]
      let growth = [1, 2, 8][random.below(3)]
      let limit = [3, 10, 60][random.below(3)]
      ends = [SessionSettings.Role.server, .client].map { role in
        var settings = SessionSettings(role: role, isPico: isPico)
        settings.initialWindow = window
        settings.maximumWindow = window * growth
        settings.maximumStreams = limit
        settings.maximumBuffered = 1 << 20
        return SessionEnd(settings)
      }
      if isPico { _ = ends[1].open(toSend: 100) }
    }

    /// Moves up to `count` bytes from the wire of `from` to the other end.
    mutating func deliver(from: Int, atMost count: Int) {
      let sender = ends[from]
      let part = sender.wire.prefix(count)
      guard !part.isEmpty else { return }
      var random = random
      ends[1 - from].read(part, now: now) { random.below(40_000) }
      self.random = random
      sender.wire.removeFirst(part.count)
    }

    mutating func step() {
      now += UInt64(random.below(2_000_000))
      let side = random.below(2)
      let end = ends[side]
      let stream = end.live.randomElement(using: &random)
      switch random.below(100) {
      case 0..<8: if side == 0 { _ = end.open(toSend: random.oneIn(8) ? random.below(300_000) : random.below(3000)) }
      case 8..<33: if let stream { end.send(stream, atMost: 1 + random.below(30_000)) }
      case 33..<41: if let stream { end.finish(stream) }
      case 41..<44: if let stream { end.reset(stream, random.oneIn(2) ? .cancelled : .notSent) }
      case 44..<46: if let stream { end.acknowledge(stream) }
      case 46..<64: if let stream, stream.unconsumed > 0 { end.consume(stream, 1 + random.below(stream.unconsumed), now: now) }
      case 64: end.ping(UInt32(truncatingIfNeeded: random.next()))
      default: deliver(from: side, atMost: random.oneIn(3) ? 1 + random.below(20) : 1 + random.below(50_000))
      }
    }

    /// All that was begun is sent, delivered and consumed.
    mutating func settle() {
      for _ in 0..<10_000 {
        now += 1_000_000
        for (index, end) in ends.enumerated() {
          deliver(from: index, atMost: .max)
          for stream in end.live {
            end.send(stream, atMost: .max)
            end.consume(stream, stream.unconsumed, now: now)
            end.finish(stream)
          }
        }
        if ends.allSatisfy({ $0.wire.isEmpty && $0.live.isEmpty || !$0.failures.isEmpty }) { return }
      }
    }

    /// With nothing on the wire, what one end may send and what the other holds make up the window, on every stream.
    func windowFaults() -> [String] {
      guard ends.allSatisfy({ $0.wire.isEmpty }) else { return [] }
      var faults: [String] = []
      for (end, other) in [(ends[0], ends[1]), (ends[1], ends[0])] {
        for stream in end.live where !stream.isFinSent {
          guard let twin = other.live.first(where: { $0.id == stream.id }) else { continue }
          let state = other.machine.streams[twin.slot]
          if end.machine.sendWindow(stream.slot) != state.receiveWindow { faults.append("stream \(stream.id): windows differ") }
          if state.receiveWindow + state.unread + state.credit != state.windowLimit { faults.append("stream \(stream.id): window lost") }
          if state.unread != twin.unconsumed { faults.append("stream \(stream.id): unread miscounted") }
        }
        if other.machine.unreadBytes != other.live.reduce(0, { $0 + $1.unconsumed }) { faults.append("unread bytes miscounted") }
      }
      return faults
    }
  }

  @Test(arguments: 0..<10)
  func `bytes out equal bytes in, no window is overrun and every stream ends on both sides`(group: Int) {
    var bytes = 0
    var resets = 0
    for seed in group * 50..<group * 50 + 50 {
      var pair = Pair(seed: seed)
      for step in 0..<300 {
        pair.step()
        // Now and then the wire runs empty, so that the windows can be compared.
        if step % 60 == 59 { for _ in 0..<2 { for side in 0..<2 { pair.deliver(from: side, atMost: .max) } } }
        let faults = pair.ends.flatMap(\.failures) + pair.windowFaults()
        guard faults.isEmpty else {
          Issue.record("seed \(seed), step \(step): \(faults)")
          return
        }
      }
      pair.settle()
      #expect(pair.ends.flatMap(\.failures).isEmpty, "seed \(seed)")
      for (end, other) in [(pair.ends[0], pair.ends[1]), (pair.ends[1], pair.ends[0])] {
        #expect(end.live.isEmpty && end.machine.streamCount == 0 && end.machine.unreadBytes == 0, "seed \(seed)")
        for (id, stream) in end.all {
          guard let twin = other.all[id] else {
            #expect(stream.wasReset, "seed \(seed): stream \(id) was never taken")
            continue
          }
          bytes += twin.received
          if stream.wasReset || twin.wasReset {
            resets += 1
            #expect(twin.received <= stream.sent, "seed \(seed): stream \(id)")
          } else {
            #expect(stream.isFinSent && twin.isFinReceived && twin.received == stream.sent, "seed \(seed): stream \(id)")
          }
        }
      }
    }
    // The schedules really did something.
    #expect(bytes > 1 << 20 && resets > 50)
  }

  @Test(arguments: 0..<50)
  func `a cut wire in the middle of anything leaves both ends whole`(seed: Int) {
    var pair = Pair(seed: 10_000 + seed)
    for _ in 0..<200 { pair.step() }
    for end in pair.ends {
      for stream in end.live { end.reset(stream, .sessionLost) }
      #expect(end.failures.isEmpty && end.machine.streamCount == 0 && end.machine.unreadBytes == 0)
    }
  }

  @Test(arguments: 0..<50)
  func `a go-away at any moment lets open streams finish and refuses the rest`(seed: Int) {
    var pair = Pair(seed: 20_000 + seed)
    for _ in 0..<150 { pair.step() }
    pair.ends[1].goAway()
    for _ in 0..<100 { pair.step() }
    pair.settle()
    #expect(pair.ends.flatMap(\.failures).isEmpty)
    #expect(pair.ends.allSatisfy { $0.machine.streamCount == 0 && $0.machine.unreadBytes == 0 })
    #expect(pair.ends[0].open(toSend: 1) == nil)
  }
}
