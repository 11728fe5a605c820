import NIOCore
import NIOEmbedded
import Testing

@testable import PicoTunnel

/// Two tunnels joined by a wire that splits and delays, under seeded schedules.
@Suite struct TunnelPairTests {
  /// Sends a pattern on a stream and checks the one that arrives.
  final class Pump: StreamConsumer {
    let isNode: Bool
    var stream: TunnelStream?
    var id: UInt32 = 0
    var toSend: Int
    var sent = 0
    var received = 0
    var unconsumed = 0
    var isEndSent = false
    var isEndReceived = false
    var isPaused = false
    var resetBy: StreamResetCode?
    var failure: String?

    init(isNode: Bool, toSend: Int) {
      self.isNode = isNode
      self.toSend = toSend
    }

    func begin(_ stream: TunnelStream) {
      self.stream = stream
      id = stream.id
    }

    func write(atMost count: Int, end: Bool) {
      guard let stream, !isEndSent else { return }
      let count = min(count, toSend)
      let isEnd = end && count == toSend
      guard count > 0 || isEnd else { return }
      isPaused = !stream.send(Array(StreamPattern.bytes(id, fromNode: isNode, from: sent, count: count)), end: isEnd)
      sent += count
      toSend -= count
      isEndSent = isEnd
      letGoIfOver()
    }

    func consume(_ count: Int) {
      unconsumed -= count
      stream?.consumed(count)
    }

    func reset(_ code: StreamResetCode) {
      guard let stream else { return }
      resetBy = code
      stream.reset(code)
      self.stream = nil
    }

    private func letGoIfOver() { if isEndSent && isEndReceived { stream = nil } }

    func streamDidReceive(_ bytes: ByteBuffer) {
      if stream == nil && !(isEndSent && isEndReceived) { failure = "bytes after a reset" }
      if isEndReceived { failure = "bytes after the end" }
      // The buffer is alive for the call.
      let matches = unsafe bytes.withUnsafeReadableBytes { unsafe StreamPattern.matches($0, id, fromNode: !isNode, from: received) }
      if !matches { failure = "wrong bytes from \(received) on" }
      received += bytes.readableBytes
      unconsumed += bytes.readableBytes
    }

    func streamDidEnd() {
      if isEndReceived { failure = "two ends" }
      isEndReceived = true
      letGoIfOver()
    }

    func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
      if stream == nil && !(isEndSent && isEndReceived) { failure = "a reset of what is gone" }
      resetBy = code
      stream = nil
    }

    func streamDidBecomeWritable() {
      if !isPaused { failure = "not asked to pause" }
      isPaused = false
    }
  }

  final class Pair {
    let node: TunnelFixture
    let agent: TunnelFixture
    var random: SeededGenerator
    var wires: [[UInt8]] = [[], []]
    var opened: [Pump] = []
    var taken: [UInt32: Pump] = [:]

    init(seed: Int) throws {
      var random = SeededGenerator(seed: UInt64(seed))
      let isPico = !random.oneIn(3)
      let window = [16 << 10, 64 << 10, 256 << 10][random.below(3)]
      let growth = [1, 8][random.below(2)]
      let loop = EmbeddedEventLoop()
      let settings = { (settings: inout TunnelSettings) in
        settings.session.initialWindow = window
        settings.session.maximumWindow = window * growth
      }
      node = try TunnelFixture(.server, isPico: isPico, loop: loop, settings)
      agent = try TunnelFixture(.client, isPico: isPico, loop: loop, settings)
      self.random = random
      agent.delegate.accept = { [unowned self] _, stream in
        let pump = Pump(isNode: false, toSend: self.random.oneIn(8) ? self.random.below(300_000) : self.random.below(3000))
        pump.begin(stream)
        taken[stream.id] = pump
        return pump
      }
    }

    var fixtures: [TunnelFixture] { [node, agent] }
    var live: [Pump] { (opened + taken.keys.sorted().compactMap { taken[$0] }).filter { $0.stream != nil } }
    var failures: [String] { (opened + Array(taken.values)).compactMap { pump in pump.failure.map { "stream \(pump.id): \($0)" } } }

    func carry(_ side: Int, atMost count: Int) throws {
      while let buffer = try fixtures[side].channel.readOutbound(as: ByteBuffer.self) { wires[side] += buffer.readableBytesView }
      let part = Array(wires[side].prefix(count))
      guard !part.isEmpty else { return }
      wires[side].removeFirst(part.count)
      try fixtures[1 - side].receiveRaw(part)
    }

    func step() throws {
      let pump = live.randomElement(using: &random)
      let side = random.below(2)
      switch random.below(100) {
      case 0..<8:
        let pump = Pump(isNode: true, toSend: random.oneIn(8) ? random.below(300_000) : random.below(3000))
        guard let stream = node.tunnel.open(pump) else { return }
        pump.begin(stream)
        opened.append(pump)
      case 8..<30: if let pump, !pump.isPaused { pump.write(atMost: 1 + random.below(50_000), end: random.oneIn(3)) }
      case 30..<33: pump?.reset(random.oneIn(2) ? .cancelled : .notSent)
      case 33..<35: pump?.stream?.acknowledge()
      case 35..<50: if let pump, pump.unconsumed > 0 { pump.consume(1 + random.below(pump.unconsumed)) }
      case 50..<53: fixtures[side].setWritable(!fixtures[side].channel.isWritable)
      case 53..<70: node.loop.run()
      default: try carry(side, atMost: random.oneIn(3) ? 1 + random.below(20) : 1 + random.below(100_000))
      }
    }

    func settle() throws {
      for fixture in fixtures { fixture.setWritable(true) }
      for _ in 0..<2000 {
        for pump in live {
          pump.consume(pump.unconsumed)
          if !pump.isPaused { pump.write(atMost: 100_000, end: true) }
        }
        node.loop.run()
        for side in 0..<2 { try carry(side, atMost: .max) }
        if live.isEmpty, fixtures.allSatisfy({ $0.tunnel.streamCount == 0 }), wires.allSatisfy(\.isEmpty) { return }
      }
    }

    func end() { for fixture in fixtures { fixture.end() } }
  }

  @Test(arguments: 0..<10)
  func `bytes out equal bytes in, every stream ends on both sides and nothing is left`(group: Int) throws {
    var bytes = 0
    for seed in group * 30..<group * 30 + 30 {
      let pair = try Pair(seed: seed)
      defer { pair.end() }
      for _ in 0..<400 { try pair.step() }
      try pair.settle()
      #expect(pair.failures.isEmpty, "seed \(seed)")
      for fixture in pair.fixtures {
        #expect(fixture.delegate.reasons.isEmpty, "seed \(seed)")
        let tunnel = fixture.tunnel
        #expect(tunnel.streamCount == 0 && tunnel.unreadBytes == 0 && tunnel.ring.isEmpty && tunnel.written.isEmpty, "seed \(seed)")
        #expect(tunnel.streams.compactMap { $0 }.allSatisfy { $0.id == 1 && $0.pending == nil }, "seed \(seed)")
      }
      for pump in pair.opened {
        guard let twin = pair.taken[pump.id] else {
          #expect(pump.resetBy != nil, "seed \(seed): stream \(pump.id) was never taken")
          continue
        }
        bytes += pump.received + twin.received
        if pump.resetBy == nil && twin.resetBy == nil {
          #expect(pump.received == twin.sent && twin.received == pump.sent, "seed \(seed): stream \(pump.id)")
          #expect(pump.isEndReceived && twin.isEndReceived, "seed \(seed): stream \(pump.id)")
        } else {
          #expect(pump.received <= twin.sent && twin.received <= pump.sent, "seed \(seed): stream \(pump.id)")
        }
      }
    }
    #expect(bytes > 1 << 20)
  }

  @Test(arguments: 0..<60)
  func `a connection that is cut at any moment ends every stream on both sides once`(seed: Int) throws {
    let pair = try Pair(seed: 30_000 + seed)
    defer { pair.end() }
    for _ in 0..<150 + seed * 3 { try pair.step() }
    for (side, fixture) in pair.fixtures.enumerated() {
      if seed & 1 == side { fixture.tunnel.close() } else { try fixture.channel.close().wait() }
    }
    pair.node.loop.run()
    #expect(pair.live.isEmpty && pair.failures.isEmpty)
    #expect(pair.fixtures.map { $0.delegate.reasons.count } == [1, 1])
    #expect(pair.fixtures.allSatisfy { $0.tunnel.streams.isEmpty && $0.tunnel.ring.isEmpty && $0.tunnel.out == nil })
  }

  @Test func `a tunnel is let go when its channel is`() throws {
    weak var tunnel: TunnelHandler?
    weak var stream: TunnelStream?
    try {
      let fixture = try TunnelFixture(.server)
      tunnel = fixture.tunnel
      let consumer = RecordingConsumer()
      consumer.stream = fixture.tunnel.open(consumer)
      stream = consumer.stream
      consumer.stream?.send([1])
      fixture.end()
    }()
    #expect(tunnel == nil && stream == nil)
  }
}
