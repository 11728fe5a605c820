import Testing

@testable import PicoTunnel

/// A peer that speaks plain yamux the way Go programs do: header and payload in messages of their own, continuation frames of 4,096 bytes,
/// an answer to each SYN, no control stream.
@Suite struct TunnelPlainPeerTests {
  typealias H = SessionStateMachineTests
  typealias W = WebSocketSample

  static let key: [UInt8] = [0xDE, 0xAD, 0xBE, 0xEF]

  /// One message of any length as Go's client cuts it.
  static func message(_ bytes: [UInt8]) -> [UInt8] {
    var frames: [UInt8] = []
    var start = 0
    repeat {
      let end = min(bytes.count, start + 4096)
      frames += W.frame(start == 0 ? 2 : 0, Array(bytes[start..<end]), isFinal: end == bytes.count, key: key)
      start = end
    } while start < bytes.count
    return frames
  }

  static func send(_ header: YamuxFrameHeader, _ payload: [UInt8] = []) -> [UInt8] {
    message(TunnelFixture.bytes(header)) + (payload.isEmpty ? [] : message(payload))
  }

  @Test(arguments: [1, 3, 100, 4096, 100_000])
  func `an exchange with a Go peer comes through in reads of any size`(size: Int) throws {
    let node = try TunnelFixture(.server, isPico: false)
    defer { node.end() }
    let consumer = RecordingConsumer()
    consumer.consumes = true
    let stream = try #require(node.tunnel.open(consumer))
    consumer.stream = stream
    stream.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
    // No FIN behind the request: it would cancel it.
    #expect(try node.tick() == [.session(H.data(2, 18, .syn), payload: Array("GET / HTTP/1.1\r\n\r\n".utf8))])

    let body = W.ramp(20_000)
    let wire =
      Self.send(H.update(2, 0, .ack)) + Self.send(H.ping(5, .syn)) + Self.send(H.data(2, 20_000), body)
      + Self.send(H.update(2, 128 << 10)) + Self.send(H.update(2, 0, .fin))
    var start = 0
    while start < wire.count {
      let end = min(wire.count, start + size)
      try node.receiveRaw(Array(wire[start..<end]))
      start = end
    }
    #expect(consumer.received == body)
    #expect(consumer.ends == 1 && node.tunnel.streamCount == 1 && node.tunnel.unreadBytes == 0)
    #expect(try node.tick() == [.session(H.ping(5, .ack), payload: [])])
    // Our end follows the response, and then the stream is over.
    stream.send([], end: true)
    #expect(try node.tick() == [.session(H.data(2, 0, .fin), payload: [])])
    #expect(node.tunnel.streamCount == 0)
  }

  @Test func `resets carry no code, and control messages go nowhere`() throws {
    let node = try TunnelFixture(.server, isPico: false)
    defer { node.end() }
    let consumer = RecordingConsumer()
    let stream = try #require(node.tunnel.open(consumer))
    stream.send([1])
    node.tunnel.send(.drain(reconnectAfterMilliseconds: 1))
    _ = try node.tick()
    stream.reset(.upstreamTimeout)
    #expect(try node.tick() == [.session(H.update(2, 0, .rst), payload: [])])
    // What the peer had sent before it saw the reset is skipped.
    try node.receiveRaw(Self.send(H.data(2, 5, .ack), [1, 2, 3, 4, 5]) + Self.send(H.update(2, 0, .fin)) + Self.send(H.ping(1, .syn)))
    #expect(try node.tick() == [.session(H.ping(1, .ack), payload: [])])
    #expect(consumer.received.isEmpty)
  }

  @Test func `a refusal is seen as one, and a reset after an answer is not`() throws {
    let node = try TunnelFixture(.server, isPico: false)
    defer { node.end() }
    let refused = RecordingConsumer()
    let answered = RecordingConsumer()
    for consumer in [refused, answered] { node.tunnel.open(consumer)?.send([1]) }
    try node.receiveRaw(Self.send(H.update(2, 0, .rst)) + Self.send(H.update(4, 0, .ack)) + Self.send(H.update(4, 0, .rst)))
    #expect(refused.resets == [.cancelled] && refused.wasAcknowledged == false)
    #expect(answered.resets == [.cancelled] && answered.wasAcknowledged == true)
  }

  @Test func `go-away lets what is open go on and opens nothing new`() throws {
    let node = try TunnelFixture(.server, isPico: false)
    defer { node.end() }
    let consumer = RecordingConsumer()
    let stream = try #require(node.tunnel.open(consumer))
    stream.send([1])
    try node.receiveRaw(Self.send(H.goAway(0)))
    #expect(node.delegate.goAways == 1 && node.tunnel.open(RecordingConsumer()) == nil)
    try node.receiveRaw(Self.send(H.data(2, 2, .ack), [8, 9]))
    #expect(consumer.received == [8, 9])
    stream.send([2], end: true)
    #expect(try node.tick().suffix(2) == [.session(H.data(2, 1), payload: [2]), .session(H.data(2, 0, .fin), payload: [])])
    node.tunnel.goAway()
    #expect(try node.tick() == [.session(H.goAway(0), payload: [])])
    node.tunnel.goAway()
    #expect(try node.tick().isEmpty)
  }

  @Test func `what an agent sends can be read by a plain node`() throws {
    let agent = try TunnelFixture(.client, isPico: false)
    defer { agent.end() }
    #expect(try agent.tick().isEmpty, "no control stream")
    // A Piko server opens with a window update and sends its request behind it, unmasked.
    let request = Array("GET / HTTP/1.1\r\n\r\n".utf8)
    try agent.receiveRaw(
      W.frame(2, TunnelFixture.bytes(H.update(2, 0, .syn))) + W.frame(2, TunnelFixture.bytes(H.data(2, 18))) + W.frame(2, request))
    let stream = try #require(agent.delegate.accepted.first)
    stream.acknowledge()
    stream.send([7, 7], end: true)
    // A Go program would miss data that comes in one frame with FIN.
    #expect(
      try agent.tick() == [
        .session(H.update(2, 0, .ack), payload: []), .session(H.data(2, 2), payload: [7, 7]), .session(H.data(2, 0, .fin), payload: []),
      ])
    #expect(agent.tunnel.streamCount == 1)
  }

  @Test func `what waited for a window ends with a FIN of its own too`() throws {
    let agent = try TunnelFixture(.client, isPico: false)
    defer { agent.end() }
    try agent.receiveRaw(W.frame(2, TunnelFixture.bytes(H.update(2, 0, .syn))))
    let stream = try #require(agent.delegate.accepted.first)
    stream.send(W.ramp(256 << 10))
    stream.send([1, 2, 3], end: true)
    _ = try agent.tick()
    try agent.receiveRaw(W.frame(2, TunnelFixture.bytes(H.update(2, 64 << 10))))
    #expect(try agent.tick().suffix(2) == [.session(H.data(2, 3), payload: [1, 2, 3]), .session(H.data(2, 0, .fin), payload: [])])
  }

  @Test func `a node leaves without a Close frame, which would be the end of the program's work`() throws {
    let node = try TunnelFixture(.server, isPico: false)
    node.tunnel.close()
    #expect(try node.tick().isEmpty)
    #expect(node.delegate.reasons == [.closed])
  }
}
