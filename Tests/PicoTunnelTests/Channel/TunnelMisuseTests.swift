import NIOCore
import NIOEmbedded
import Testing

@testable import PicoTunnel

/// What a wrong peer can do to a tunnel: end it, and nothing else.
@Suite struct TunnelMisuseTests {
  typealias H = SessionStateMachineTests
  typealias W = WebSocketSample

  static let key: [UInt8] = [1, 2, 3, 4]

  struct Wrong: Sendable {
    let what: String
    let bytes: [UInt8]
    let reason: TunnelCloseReason
    let close: [UInt8]
  }

  static let wrongs: [Wrong] = [
    Wrong(what: "text", bytes: W.frame(1, [65], key: key), reason: .webSocket(.unsupportedData), close: [0x03, 0xEB]),
    Wrong(what: "unmasked", bytes: W.frame(2, [65]), reason: .webSocket(.protocolError), close: [0x03, 0xEA]),
    Wrong(what: "reserved bit", bytes: W.frame(2, [65], reserved: 4, key: key), reason: .webSocket(.protocolError), close: [0x03, 0xEA]),
    Wrong(
      what: "long frame", bytes: W.frame(2, [], key: key, announced: 1 << 40), reason: .webSocket(.messageTooBig), close: [0x03, 0xF1]),
    Wrong(what: "close with half a code", bytes: W.frame(8, [3], key: key), reason: .webSocket(.protocolError), close: [0x03, 0xEA]),
    Wrong(what: "close with 1006", bytes: W.frame(8, [0x03, 0xEE], key: key), reason: .webSocket(.protocolError), close: [0x03, 0xEA]),
    Wrong(what: "close", bytes: W.frame(8, [], key: key), reason: .closedByPeer, close: []),
    Wrong(what: "close 1001", bytes: W.frame(8, [0x03, 0xE9, 0x62], key: key), reason: .closedByPeer, close: [0x03, 0xE9]),
    Wrong(
      what: "yamux version 1", bytes: W.frame(2, [1] + [UInt8](repeating: 0, count: 11), key: key), reason: .session(.malformedHeader),
      close: [0x03, 0xEA]),
    Wrong(
      what: "a stream of the agent", bytes: W.frame(2, TunnelFixture.bytes(H.data(3, 0, .syn)), key: key),
      reason: .session(.unexpectedStream), close: [0x03, 0xEA]),
  ]

  @Test(arguments: wrongs)
  func `is closed with the right code, once, and nothing follows the Close frame`(wrong: Wrong) throws {
    for isSplit in [false, true] {
      let node = try TunnelFixture(.server)
      defer { node.end() }
      let consumer = RecordingConsumer()
      _ = node.tunnel.open(consumer)?.send([1])
      // Bytes behind the wrong ones are not looked at.
      let bytes = wrong.bytes + W.frame(9, [7], key: Self.key)
      if isSplit { for byte in bytes { try node.receiveRaw([byte]) } } else { try node.receiveRaw(bytes) }
      let frames = try node.sent()
      #expect(frames.last == .close(wrong.close), "\(wrong.what)")
      #expect(frames.filter { if case .pong = $0 { true } else { false } }.isEmpty)
      if case .session = wrong.reason {
        #expect(frames.dropLast().last?.header == YamuxFrameHeader(type: .goAway, flags: [], streamID: 0, length: 1))
      }
      #expect(node.delegate.reasons == [wrong.reason])
      #expect(consumer.resets == [.sessionLost])
      #expect(!node.channel.isActive && !node.tunnel.isOpen)
    }
  }

  @Test func `answers a WebSocket ping with its payload`() throws {
    let agent = try TunnelFixture(.client)
    defer { agent.end() }
    _ = try agent.tick()
    try agent.receiveRaw(W.frame(9, [1, 2, 3]))
    #expect(try agent.tick() == [.pong([1, 2, 3])])
    #expect(agent.tunnel.isOpen)
  }

  static let floods: [(String, [UInt8])] = [
    ("WebSocket pings", W.frame(9, [], key: key)), ("WebSocket pongs", W.frame(10, [], key: key)),
    ("empty messages", W.frame(2, [], key: key)), ("pings", W.frame(2, TunnelFixture.bytes(H.ping(1, .syn)), key: key)),
    ("window updates", W.frame(2, TunnelFixture.bytes(H.update(2, 1)), key: key)),
  ]

  @Test(arguments: floods)
  func `is cut off for a flood`(what: String, frame: [UInt8]) throws {
    let node = try TunnelFixture(.server) { $0.session.floodLimit = 500 }
    defer { node.end() }
    _ = node.tunnel.open(RecordingConsumer())?.send([1])
    for _ in 0..<500 { try node.receiveRaw(frame) }
    #expect(node.tunnel.isOpen)
    for _ in 0..<2 { try node.receiveRaw(frame) }
    #expect(node.delegate.reasons == [.session(.flood)])
  }

  @Test func `is cut off when it provokes answers and reads none of them`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let ping = W.frame(9, W.ramp(125), key: Self.key)
    for _ in 0..<1000 { try node.receiveRaw(ping) }
    _ = try node.tick()
    node.setWritable(false)
    for _ in 0..<3000 { try node.receiveRaw(ping) }
    #expect(node.delegate.reasons == [.session(.flood)])
    let kept = try node.sent().count
    #expect(kept > 1000 && kept < 2200, "\(kept) answers were kept")
  }

  @Test func `cannot make a session keep more than its share of memory`() throws {
    let agent = try TunnelFixture(.client) { $0.session.maximumBuffered = 600 << 10 }
    defer { agent.end() }
    let bytes = [UInt8](repeating: 5, count: 200 << 10)
    for id: UInt32 in [2, 4] { try agent.receive(TunnelFixture.bytes(H.data(id, UInt32(bytes.count), .syn)) + bytes) }
    let big = [UInt8](repeating: 6, count: 220 << 10)
    try agent.receive(TunnelFixture.bytes(H.data(6, UInt32(big.count), .syn)) + big)
    // The stream that holds most pays; the others stay.
    #expect(agent.tunnel.unreadBytes == 400 << 10)
    #expect(agent.delegate.accepted.map(\.isOpen) == [true, true, false])
    #expect(try agent.tick().contains(.session(H.update(6, 0, [.rst, .ack]), payload: [])))
    #expect(agent.tunnel.isOpen)
    for stream in agent.delegate.accepted where stream.isOpen { stream.consumed(200 << 10) }
    #expect(agent.tunnel.unreadBytes == 0)
  }

  @Test func `of many streams that are not read as many are reset as make an eighth of its memory free`() throws {
    let node = try TunnelFixture(.server) { $0.session.maximumBuffered = 1 << 20 }
    defer { node.end() }
    for index in 0..<16 {
      _ = try #require(node.tunnel.open(RecordingConsumer())).send([1])
      let bytes = [UInt8](repeating: 0, count: 64 << 10)
      try node.receive(TunnelFixture.bytes(H.data(UInt32(2 * index + 2), UInt32(bytes.count))) + bytes)
    }
    #expect(node.tunnel.unreadBytes == 1 << 20)
    try node.receive(TunnelFixture.bytes(H.data(2, 1)) + [0])
    #expect(node.tunnel.unreadBytes == 7 << 17)
    #expect(node.tunnel.open(RecordingConsumer()) != nil)
  }

  @Test func `opens nothing while too much is unread`() throws {
    let node = try TunnelFixture(.server) { $0.session.maximumBuffered = 100 << 10 }
    defer { node.end() }
    let stream = try #require(node.tunnel.open(RecordingConsumer()))
    _ = stream.send([1])
    try node.receive(TunnelFixture.bytes(H.data(2, 100 << 10)) + [UInt8](repeating: 0, count: 100 << 10))
    #expect(node.tunnel.open(RecordingConsumer()) == nil)
    stream.consumed(1)
    #expect(node.tunnel.open(RecordingConsumer()) != nil)
  }

  @Test func `refuses streams past the limit without a word to anyone but the peer`() throws {
    let agent = try TunnelFixture(.client, isPico: false) { $0.session.maximumStreams = 2 }
    defer { agent.end() }
    try agent.receive(H.update(2, 0, .syn), H.update(4, 0, .syn))
    try agent.receive(TunnelFixture.bytes(H.data(6, 3, .syn)) + [1, 2, 3] + TunnelFixture.bytes(H.ping(9, .syn)))
    #expect(agent.delegate.accepted.count == 2)
    #expect(try agent.tick() == [.session(H.update(6, 0, .rst), payload: []), .session(H.ping(9, .ack), payload: [])])
  }

  // MARK: Time

  @Test func `is pinged, and dropped when nothing came for the timeout`() throws {
    let agent = try TunnelFixture(.client, isPico: false)
    defer { agent.end() }
    let start = agent.resources.now()
    let second: UInt64 = 1_000_000_000
    agent.tunnel.sweep(now: start + 5 * second)
    #expect(try agent.tick() == [.session(H.ping(1, .syn), payload: [])])
    try agent.receive(H.ping(1, .ack))
    #expect(agent.delegate.roundTrips == 1 && agent.tunnel.roundTrip > 0)
    try agent.receive(H.ping(1, .ack), H.ping(77, .ack))
    #expect(agent.delegate.roundTrips == 1, "an answer counts once")
    agent.tunnel.sweep(now: start + 9 * second)
    #expect(agent.tunnel.isOpen)
    agent.tunnel.sweep(now: agent.resources.now() + 10 * second + 1)
    #expect(agent.delegate.reasons == [.silent])
    #expect(!agent.channel.isActive)
  }

  // MARK: Control stream

  @Test func `control messages arrive in order and those we do not know are counted`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let messages: [ControlMessage] = [.hello(.init(agentID: "a", version: "1")), .unknown(type: "later"), .leaving]
    try node.receiveControl(messages.flatMap { ControlDecoder.frame($0) })
    #expect(node.delegate.messages == messages)
    #expect(node.tunnel.unknownMessages == 1)
    #expect(node.tunnel.streamCount == 0 && node.tunnel.unreadBytes == 0)
  }

  static let controls: [(bytes: [UInt8], fault: ControlFault)] = [
    ([0, 0, 0x40, 1], .tooLong), ([0, 0, 0, 1, 0x7B], .malformed), ([0, 0, 0, 0], .malformed),
    (Array((0..<11).map { _ in ControlDecoder.frame(.leaving) }.joined()), .tooMany),
  ]

  @Test(arguments: controls)
  func `a wrong control message ends the session`(bytes: [UInt8], fault: ControlFault) throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    try node.receiveControl(bytes)
    #expect(node.delegate.reasons == [.control(fault)])
    #expect(try node.sent().last == .close([0x03, 0xEA]))
  }

  @Test func `messages for an agent wait for its control stream`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    node.tunnel.send(.drain(reconnectAfterMilliseconds: 5))
    #expect(try node.tick().isEmpty)
    try node.receiveControl(ControlDecoder.frame(.leaving))
    let frame = try #require(try node.tick().first)
    #expect(frame.header == H.data(1, UInt32(frame.payload.count), .ack))
    #expect(frame.payload == ControlDecoder.frame(.drain(reconnectAfterMilliseconds: 5)))
  }

  @Test(arguments: [H.update(1, 0, .rst), H.data(1, 0, .fin)])
  func `nothing of a control stream that ended is written to another stream`(header: YamuxFrameHeader) throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    try node.receiveControl(ControlDecoder.frame(.leaving))
    try node.receive(header)
    let stream = try #require(node.tunnel.open(RecordingConsumer()))
    #expect(node.tunnel.streamCount == 1)
    node.tunnel.send(.drain(reconnectAfterMilliseconds: 5))
    _ = stream.send([1])
    let frames = try node.tick()
    #expect(frames.flatMap(\.payload) == [1])
    #expect(node.tunnel.isOpen)
  }
}
