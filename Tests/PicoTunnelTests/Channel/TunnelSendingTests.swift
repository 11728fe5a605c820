import NIOCore
import NIOEmbedded
import Testing

@testable import PicoTunnel

@Suite struct TunnelSendingTests {
  typealias H = SessionStateMachineTests

  @Test func `all that is written in one tick goes out as one message`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    for index in 0..<20 { _ = node.tunnel.open(RecordingConsumer())?.send([UInt8(index)], end: true) }
    #expect(try node.sent().isEmpty, "sent before the tick's end")
    let frames = try node.tick()
    #expect(node.messages.count == 1)
    let expected = (0..<20).map { (index: Int) -> SentFrame in
      .session(H.data(UInt32(2 + 2 * index), 1, [.syn, .fin]), payload: [UInt8(index)])
    }
    #expect(frames == expected)
    #expect(try node.tick().isEmpty)
  }

  @Test func `what an agent sends is masked with keys that differ`() throws {
    let agent = try TunnelFixture(.client)
    defer { agent.end() }
    for _ in 0..<8 {
      agent.tunnel.send(.leaving)
      _ = try agent.tick()
    }
    #expect(agent.messages.count == 8)
    #expect(agent.messages.allSatisfy { $0[1] & 0x80 != 0 })
    #expect(Set(agent.messages.map { Array($0[2..<6]) }).count == 8)
  }

  @Test func `a reader that consumes nothing stops its stream at the window and no other`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let writer = RecordingConsumer()
    let slow = try #require(node.tunnel.open(writer))
    var written = 0
    while slow.send([UInt8](repeating: 1, count: 10_000)) { written += 10_000 }
    written += 10_000
    var sent = 0
    for _ in 0..<30 {
      sent += try node.tick().reduce(0) { $0 + ($1.header?.streamID == 2 ? $1.payload.count : 0) }
      // Whoever obeys writes on only when asked to, and stays within the mark.
      if writer.writables > 0 {
        writer.writables = 0
        while slow.send([UInt8](repeating: 1, count: 10_000)) { written += 10_000 }
        written += 10_000
      }
    }
    #expect(sent == 256 << 10)
    #expect(written - sent < TunnelStream.highMark + 10_000, "\(written - sent) bytes wait")
    #expect(writer.writables == 0)

    let other = try #require(node.tunnel.open(RecordingConsumer()))
    #expect(other.send([7], end: true))
    #expect(try node.tick() == [.session(H.data(4, 1, [.syn, .fin]), payload: [7])])

    // The reader wakes up: what waited goes out, and the writer is asked for more.
    try node.receive(H.update(2, 128 << 10))
    var more = 0
    for _ in 0..<5 { more += try node.tick().reduce(0) { $0 + $1.payload.count } }
    #expect(more == written - sent)
    #expect(writer.writables == 1)
  }

  @Test func `a small stream waits for one quantum of a bulk stream at most`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    node.setWritable(false)
    let bulk = try #require(node.tunnel.open(RecordingConsumer()))
    #expect(bulk.send([UInt8](repeating: 1, count: 200_000)) == false)
    let small = try #require(node.tunnel.open(RecordingConsumer()))
    #expect(small.send([2, 2, 2], end: true))
    #expect(try node.tick().isEmpty)
    node.setWritable(true)
    let frames = try node.tick()
    let position = try #require(frames.firstIndex { $0.header?.streamID == 4 })
    #expect(frames[..<position].reduce(0) { $0 + $1.payload.count } <= 16 << 10)
    #expect(frames.reduce(0) { $0 + $1.payload.count } == 200_003)
    #expect(frames.allSatisfy { $0.payload.count <= 16 << 10 })
  }

  @Test func `bulk streams take turns`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    node.setWritable(false)
    for index in 0..<4 { _ = node.tunnel.open(RecordingConsumer())?.send([UInt8](repeating: UInt8(index), count: 100_000)) }
    node.setWritable(true)
    let order = try node.tick().compactMap(\.header?.streamID)
    for round in 0..<6 { #expect(Array(order[(4 * round)..<(4 * round + 4)]) == [2, 4, 6, 8]) }
  }

  @Test func `one tick sends half a mebibyte at most before other work has its turn`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let bulk = try #require(node.tunnel.open(RecordingConsumer()))
    _ = bulk.send([0])
    _ = try node.tick()
    try node.receive(H.update(2, 8 << 20))
    _ = bulk.send([UInt8](repeating: 1, count: 2 << 20), end: true)
    node.tunnel.flushTick()
    let first = try node.sent().reduce(0) { $0 + $1.payload.count }
    #expect(first > 256 << 10 && first <= 640 << 10)
    var rest = 0
    for _ in 0..<10 { rest += try node.tick().reduce(0) { $0 + $1.payload.count } }
    #expect(first + rest == 2 << 20)
    #expect(node.messages.allSatisfy { $0.count < 100 << 10 })
  }

  @Test func `nothing but what was asked for goes out while the socket is full, and its order holds`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let stream = try #require(node.tunnel.open(RecordingConsumer()))
    node.setWritable(false)
    for part in 0..<50 { _ = stream.send([UInt8](repeating: UInt8(part), count: 100), end: part == 49) }
    #expect(try node.tick().isEmpty)
    node.setWritable(true)
    let frames = try node.tick()
    #expect(frames.flatMap(\.payload) == (0..<50).flatMap { [UInt8](repeating: UInt8($0), count: 100) })
    #expect(frames.first?.header?.flags == [.syn, .fin])
  }

  @Test func `a lost session tells which streams sent something and which the peer had taken`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let consumers = (0..<3).map { _ in RecordingConsumer() }
    let streams = try consumers.map { try #require(node.tunnel.open($0)) }
    streams[0].send([1])
    streams[1].send([1])
    try node.receive(H.update(4, 0, .ack))
    node.setWritable(false)
    streams[2].send([1])
    try node.channel.close().wait()
    #expect(consumers.map(\.resets) == [[.sessionLost], [.sessionLost], [.notSent]])
    #expect(consumers.map(\.wasAcknowledged) == [false, true, false])
  }

  @Test func `a stream in the place of one that was reset while it waited sends its own bytes once`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    node.setWritable(false)
    for round in 0..<1000 {
      let stream = try #require(node.tunnel.open(RecordingConsumer()))
      _ = stream.send([UInt8](repeating: UInt8(truncatingIfNeeded: round), count: 50))
      if round < 999 { stream.reset(.cancelled) }
    }
    #expect(node.tunnel.ring.count == 1, "a slot waits more than once")
    node.setWritable(true)
    let frames = try node.tick()
    #expect(frames.flatMap(\.payload) == [UInt8](repeating: UInt8(truncatingIfNeeded: 999), count: 50))
    #expect(frames.count == 1 && frames[0].header?.streamID == 2000)
  }

  @Test func `an end alone goes out though the window is used up`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let stream = try #require(node.tunnel.open(RecordingConsumer()))
    _ = stream.send([UInt8](repeating: 0, count: 256 << 10))
    for _ in 0..<8 { _ = try node.tick() }
    _ = stream.send([], end: true)
    #expect(try node.tick() == [.session(H.data(2, 0, .fin), payload: [])])
  }
}
