import NIOCore
import NIOEmbedded
import Testing

@testable import PicoTunnel

/// Consumers that do things from inside their callbacks, and sockets that fail at bad moments.
@Suite struct TunnelReentrancyTests {
  typealias H = SessionStateMachineTests

  /// What a consumer may do at any moment.
  enum Deed: CaseIterable, Sendable {
    case closeTunnel
    case resetItself
    case resetOther
    case endItself
    case openAnother
    case goAway
  }

  static func perform(_ deed: Deed, _ fixture: TunnelFixture, _ stream: TunnelStream?, _ other: TunnelStream?) {
    switch deed {
    case .closeTunnel: fixture.tunnel.close()
    case .resetItself: stream?.reset(.cancelled)
    case .resetOther: other?.reset(.cancelled)
    case .endItself: stream?.send([1, 2, 3], end: true)
    case .openAnother: fixture.tunnel.open(RecordingConsumer())?.send([9, 9])
    case .goAway: fixture.tunnel.goAway()
    }
  }

  @Test(arguments: Deed.allCases, [1, 2])
  func `a consumer may do anything while it receives the first or the last part of a frame`(deed: Deed, part: Int) throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let consumer = RecordingConsumer()
    let stream = try #require(node.tunnel.open(consumer))
    let other = try #require(node.tunnel.open(RecordingConsumer()))
    stream.send([1])
    other.send([1])
    var parts = 0
    consumer.onReceive = {
      parts += 1
      if parts == part { Self.perform(deed, node, stream, other) }
    }
    // Half of the payload, then the other half with FIN behind it, then data for the other stream.
    try node.receive(TunnelFixture.bytes(H.data(2, 10, .fin)) + [1, 2, 3, 4, 5])
    try node.receive([6, 7, 8, 9, 10] + TunnelFixture.bytes(H.data(4, 2)) + [1, 2])
    _ = try node.tick()
    let isOver = deed == .closeTunnel || deed == .resetItself
    #expect(node.tunnel.isOpen == (deed != .closeTunnel))
    #expect(consumer.received.count == (isOver ? 5 * part : 10))
    #expect(consumer.ends == (isOver ? 0 : 1))
    #expect(node.tunnel.unreadBytes == (isOver || deed == .endItself ? 0 : 10) + (deed == .resetOther ? 0 : 2) || deed == .closeTunnel)
    try node.receive(H.ping(3, .syn))
    #expect(try node.tick().contains(.session(H.ping(3, .ack), payload: [])) == (deed != .closeTunnel))
  }

  @Test(arguments: Deed.allCases)
  func `a consumer may do anything when its stream is accepted, ended, reset or writable`(deed: Deed) throws {
    for moment in 0..<4 {
      let agent = try TunnelFixture(.client)
      defer { agent.end() }
      _ = try agent.tick()
      try agent.receive(H.update(2, 0, .syn))
      let other = try #require(agent.delegate.accepted.first)
      let consumer = RecordingConsumer()
      agent.delegate.accept = { _, stream in
        consumer.stream = stream
        if moment == 0 { Self.perform(deed, agent, stream, other) }
        return consumer
      }
      if moment == 1 { consumer.onEnd = { Self.perform(deed, agent, consumer.stream, other) } }
      if moment == 2 { consumer.onReset = { Self.perform(deed, agent, nil, other) } }
      if moment == 3 { consumer.onWritable = { Self.perform(deed, agent, consumer.stream, other) } }
      try agent.receive(TunnelFixture.bytes(H.data(4, 3, .syn)) + [1, 2, 3])
      if moment == 3, let stream = consumer.stream {
        agent.setWritable(false)
        stream.send([UInt8](repeating: 0, count: 100_000))
        other.send([UInt8](repeating: 0, count: 100_000))
        agent.setWritable(true)
      }
      _ = try agent.tick()
      if moment == 3 { #expect(consumer.writables == 1) }
      try agent.receive(moment == 2 ? H.update(4, 0, .rst) : H.data(4, 0, .fin), H.ping(3, .syn))
      _ = try agent.tick()
      #expect(agent.tunnel.isOpen == (deed != .closeTunnel), "moment \(moment)")
    }
  }

  @Test(arguments: Deed.allCases)
  func `a consumer may do anything when the session is lost`(deed: Deed) throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let consumers = (0..<3).map { _ in RecordingConsumer() }
    let streams = consumers.map { node.tunnel.open($0) }
    for stream in streams { stream?.send([1]) }
    for (index, consumer) in consumers.enumerated() {
      consumer.onReset = { Self.perform(deed, node, streams[index], streams[(index + 1) % 3]) }
    }
    try node.channel.close().wait()
    #expect(consumers.map(\.resets) == [[.sessionLost], [.sessionLost], [.sessionLost]])
    #expect(node.delegate.reasons == [.closedByPeer])
    #expect(node.tunnel.open(RecordingConsumer()) == nil)
  }

  @Test func `payload of a stream that was refused in its callback goes to no other stream`() throws {
    let agent = try TunnelFixture(.client)
    defer { agent.end() }
    let own = RecordingConsumer()
    agent.delegate.accept = { tunnel, stream in
      stream.reset(.notSent)
      // The slot and the object are used again at once.
      own.stream = tunnel.open(own)
      return nil
    }
    try agent.receive(TunnelFixture.bytes(H.data(2, 4, [.syn, .fin])) + [1, 2, 3, 4])
    #expect(own.received.isEmpty && own.ends == 0 && own.stream?.isOpen == true)
    #expect(try agent.tick().contains(.session(H.update(2, 1, [.rst, .ack]), payload: [])))
  }

  /// A write that fails makes the channel read what is left in the socket before it closes, in the middle of a flush.
  private final class ReadingOnFlush: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    var bytes: [UInt8]?

    func flush(context: ChannelHandlerContext) {
      context.flush()
      guard let bytes else { return }
      self.bytes = nil
      context.fireChannelRead(NIOAny(ByteBuffer(bytes: bytes)))
    }
  }

  @Test func `a flush that reads a last wrong byte ends the tunnel once`() throws {
    for isEnding in [false, true] {
      let node = try TunnelFixture(.server)
      defer { node.end() }
      let socket = ReadingOnFlush()
      try node.channel.pipeline.syncOperations.addHandler(socket, position: .first)
      let consumer = RecordingConsumer()
      let stream = try #require(node.tunnel.open(consumer))
      node.setWritable(false)
      stream.send([UInt8](repeating: 0, count: 250_000))
      node.setWritable(true)
      socket.bytes = [0xFF, 0xFF]
      if isEnding { node.tunnel.close() }
      _ = try node.tick()
      #expect(node.delegate.reasons == [isEnding ? .closed : .webSocket(.protocolError)])
      // Closed before the tick's end, nothing of the stream had gone out.
      #expect(consumer.resets == [isEnding ? .notSent : .sessionLost])
    }
  }

  @Test func `bytes of a slot's last stream never reach the next`() throws {
    let node = try TunnelFixture(.server)
    defer { node.end() }
    let first = try #require(node.tunnel.open(RecordingConsumer()))
    first.send([1])
    _ = try node.tick()
    try node.receive(TunnelFixture.bytes(H.data(2, 10)) + [1, 2, 3])
    first.reset(.cancelled)
    let consumer = RecordingConsumer()
    let second = try #require(node.tunnel.open(consumer))
    #expect(second === first, "the object is used again")
    second.send([2])
    try node.receive(
      [4, 5, 6, 7, 8, 9, 10] + TunnelFixture.bytes(H.data(2, 2)) + [11, 12] + TunnelFixture.bytes(H.data(4, 2)) + [42, 43])
    #expect(consumer.received == [42, 43])
    #expect(node.tunnel.unreadBytes == 2)
  }
}
