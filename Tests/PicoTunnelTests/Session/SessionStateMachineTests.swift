import PicoTunnel
import Testing

/// Tables for one side of a session; the other side is a list of headers.
@Suite struct SessionStateMachineTests {
  typealias Machine = SessionStateMachine

  static func node(isPico: Bool = true, _ change: (inout SessionSettings) -> Void = { _ in }) -> Machine {
    var settings = SessionSettings(role: .server, isPico: isPico)
    change(&settings)
    return Machine(settings: settings)
  }

  static func agent(isPico: Bool = true, _ change: (inout SessionSettings) -> Void = { _ in }) -> Machine {
    var settings = SessionSettings(role: .client, isPico: isPico)
    change(&settings)
    return Machine(settings: settings)
  }

  static func data(_ id: UInt32, _ length: UInt32 = 0, _ flags: YamuxFlags = []) -> YamuxFrameHeader {
    YamuxFrameHeader(type: .data, flags: flags, streamID: id, length: length)
  }

  static func update(_ id: UInt32, _ delta: UInt32 = 0, _ flags: YamuxFlags = []) -> YamuxFrameHeader {
    YamuxFrameHeader(type: .windowUpdate, flags: flags, streamID: id, length: delta)
  }

  static func ping(_ value: UInt32, _ flags: YamuxFlags, id: UInt32 = 0) -> YamuxFrameHeader {
    YamuxFrameHeader(type: .ping, flags: flags, streamID: id, length: value)
  }

  static func goAway(_ code: UInt32, id: UInt32 = 0) -> YamuxFrameHeader {
    YamuxFrameHeader(type: .goAway, flags: [], streamID: id, length: code)
  }

  // MARK: Frame headers

  @Test func `writes headers as the specification draws them and reads them back`() {
    let header = YamuxFrameHeader(type: .windowUpdate, flags: [.syn, .fin], streamID: 0x0102_0304, length: 0xA0B0_C0D0)
    var bytes = [UInt8](repeating: 0, count: 12)
    // Twelve bytes are what a header takes.
    unsafe bytes.withUnsafeMutableBytes { raw in if let start = raw.baseAddress { unsafe header.write(to: start) } }
    #expect(bytes == [0, 1, 0, 5, 1, 2, 3, 4, 0xA0, 0xB0, 0xC0, 0xD0])
    #expect(Self.read(bytes) == header)
  }

  static func read(_ bytes: [UInt8]) -> YamuxFrameHeader? {
    // Every caller passes twelve bytes.
    unsafe bytes.withUnsafeBytes { raw in unsafe raw.baseAddress.flatMap { unsafe YamuxFrameHeader($0) } }
  }

  @Test(
    arguments: [[1, 0, 0, 0], [255, 0, 0, 0], [0, 5, 0, 0], [0, 255, 0, 0], [0, 0, 0, 16], [0, 0, 1, 0], [0, 0, 128, 1]] as [[UInt8]])
  func `reads no other version, type or flag`(start: [UInt8]) {
    #expect(Self.read(start + [0, 0, 0, 2, 0, 0, 0, 0]) == nil)
    #expect(Self.read([0, 0, 0, 15] + [0, 0, 0, 2, 0, 0, 0, 0]) != nil)
  }

  // MARK: Opening

  @Test func `a node opens even streams, an agent odd ones, and SYN goes once with what is sent first`() {
    var node = Self.node()
    var agent = Self.agent()
    #expect([node.open(), node.open()].map { $0.map { node.streamID($0) } } == [2, 4])
    #expect([agent.open(), agent.open()].map { $0.map { agent.streamID($0) } } == [1, 3])
    #expect(node.sendData(0, count: 10, fin: false).header == Self.data(2, 10, .syn))
    #expect(node.sendData(0, count: 5, fin: true).header == Self.data(2, 5, .fin))
    #expect(node.sendData(1, count: 7, fin: true).header == Self.data(4, 7, [.syn, .fin]))
    #expect(node.sendWindow(0) == 256 << 10 - 15)
  }

  @Test func `opens no more than the limit, which leaves out the control stream`() {
    var node = Self.node { $0.maximumStreams = 2 }
    #expect(node.receive(Self.update(1, 0, .syn), now: 0) == .accept(slot: 0, length: 0, fin: false))
    #expect(node.open() != nil && node.open() != nil)
    #expect(node.open() == nil)
    var plain = Self.node(isPico: false) { $0.maximumStreams = 2 }
    #expect(plain.open() != nil && plain.open() != nil)
    #expect(plain.open() == nil)
  }

  @Test func `opens nothing once either side said go-away, and goes on with what is open`() {
    var node = Self.node()
    let slot = node.open() ?? -1
    #expect(node.receive(Self.goAway(0), now: 0) == .goAway(code: 0))
    #expect(node.receive(Self.goAway(0), now: 0) == .none)
    #expect(node.isGoAwayReceived && node.open() == nil)
    #expect(node.sendData(slot, count: 1, fin: false).header == Self.data(2, 1, .syn))
    #expect(node.receive(Self.data(2, 3), now: 0) == .data(slot: slot, length: 3, fin: false))

    var agent = Self.agent()
    #expect(agent.goAway() == Self.goAway(0))
    #expect(agent.open() == nil)
    #expect(agent.receive(Self.data(2, 9, .syn), now: 0) == .refuse(streamID: 2, length: 9))
    #expect(agent.streamCount == 0)
  }

  @Test func `notes of a stream come from the acceptor of a link and from nobody else`() {
    var settings = SessionSettings(role: .client, isPico: true)
    settings.isLink = true
    var dialer = SessionStateMachine(settings: settings)
    let slot = dialer.open() ?? -1
    _ = dialer.sendData(slot, count: 1, fin: false)
    settings.role = .server
    var acceptor = SessionStateMachine(settings: settings)
    #expect(acceptor.receive(Self.data(1, 1, .syn), now: 0) == .accept(slot: 0, length: 1, fin: false))
    let (high, low) = acceptor.note(0, 0x0102_0304_F0F1_F2F3)
    #expect(dialer.receive(high, now: 0) == .note(slot: slot, half: 0x0102_0304))
    #expect(dialer.receive(low, now: 0) == .note(slot: slot, half: 0xF0F1_F2F3))
    #expect(!dialer.isAcknowledged(slot), "it says nothing else")
    var ended = high
    ended.streamID = 9
    #expect(dialer.receive(ended, now: 0) == .none)
    ended.flags = .fin
    #expect(dialer.receive(ended, now: 0) == .fault(.malformedHeader))
    #expect(acceptor.receive(high, now: 0) == .fault(.malformedHeader))
    var (node, agent) = (Self.node(), Self.agent())
    #expect(node.receive(high, now: 0) == .fault(.malformedHeader) && agent.receive(high, now: 0) == .fault(.malformedHeader))
  }

  @Test func `a go-away on a link asks for another link, and ends nothing`() {
    var settings = SessionSettings(role: .client, isPico: true)
    settings.isLink = true
    var dialer = SessionStateMachine(settings: settings)
    #expect(dialer.receive(Self.goAway(0), now: 0) == .goAway(code: 0))
    #expect(dialer.open() != nil)

    settings.role = .server
    var acceptor = SessionStateMachine(settings: settings)
    #expect(acceptor.goAway() == Self.goAway(0))
    #expect(acceptor.receive(Self.data(1, 9, .syn), now: 0) == .accept(slot: 0, length: 9, fin: false))
  }

  // MARK: Accepting

  @Test func `takes a stream with either kind of frame and acknowledges once`() {
    var agent = Self.agent()
    #expect(agent.receive(Self.data(2, 100, .syn), now: 0) == .accept(slot: 0, length: 100, fin: false))
    #expect(agent.receive(Self.data(4, 0, [.syn, .fin]), now: 0) == .accept(slot: 1, length: 0, fin: true))
    #expect(agent.receive(Self.update(6, 1000, .syn), now: 0) == .accept(slot: 2, length: 0, fin: false))
    #expect(agent.sendWindow(0) == 256 << 10)
    #expect(agent.sendWindow(2) == 256 << 10 + 1000)
    #expect(agent.acknowledge(0) == Self.update(2, 0, .ack))
    #expect(agent.acknowledge(0) == nil)
    #expect(agent.sendData(0, count: 4, fin: false).header == Self.data(2, 4))
    #expect(agent.sendData(1, count: 4, fin: false).header == Self.data(4, 4, .ack))
    #expect(agent.acknowledge(1) == nil)
    #expect(agent.unreadBytes == 100)
  }

  @Test func `a window update takes the ACK along when it is the first answer`() {
    var agent = Self.agent()
    #expect(agent.receive(Self.data(2, 256 << 10, .syn), now: 0) == .accept(slot: 0, length: 256 << 10, fin: false))
    #expect(agent.consumed(0, count: 128 << 10, now: 1 << 40) == Self.update(2, 128 << 10, .ack))
    #expect(agent.acknowledge(0) == nil)
  }

  @Test func `any frame but a reset says that a stream was taken`() {
    for answer in [Self.update(2, 0, .ack), Self.data(2, 1, .ack), Self.data(2, 1), Self.data(2, 0, .fin), Self.update(2, 9)] {
      var node = Self.node()
      let slot = node.open() ?? -1
      _ = node.sendData(slot, count: 1, fin: false)
      #expect(!node.isAcknowledged(slot))
      _ = node.receive(answer, now: 0)
      #expect(node.isAcknowledged(slot), "\(answer)")
      #expect(node.receive(Self.update(2, 0, .rst), now: 0) == .reset(slot: slot, code: .cancelled, wasAcknowledged: true))
    }
  }

  @Test func `refuses what passes the limit of streams and takes the next when one ended`() {
    var agent = Self.agent(isPico: false) { $0.maximumStreams = 1 }
    #expect(agent.receive(Self.data(2, 1, .syn), now: 0) == .accept(slot: 0, length: 1, fin: false))
    #expect(agent.receive(Self.data(4, 7, .syn), now: 0) == .refuse(streamID: 4, length: 7))
    #expect(agent.receive(Self.update(6, 7, .syn), now: 0) == .refuse(streamID: 6, length: 0))
    _ = agent.reset(0, code: .cancelled)
    #expect(agent.receive(Self.update(8, 0, .syn), now: 0) == .accept(slot: 0, length: 0, fin: false))
  }

  @Test func `a node takes one control stream in its life`() {
    var node = Self.node()
    #expect(node.receive(Self.update(1, 0, .syn), now: 0) == .accept(slot: 0, length: 0, fin: false))
    #expect(node.receive(Self.update(1, 0, .rst), now: 0) == .reset(slot: 0, code: .cancelled, wasAcknowledged: true))
    #expect(node.receive(Self.update(1, 0, .syn), now: 0) == .fault(.unexpectedStream))
  }

  // MARK: Ending

  @Test func `a stream ends when both sides have said FIN, whichever is first`() {
    var node = Self.node()
    let first = node.open() ?? -1
    #expect(!node.sendData(first, count: 1, fin: true).isClosed)
    #expect(node.receive(Self.data(2, 0, .fin), now: 0) == .data(slot: first, length: 0, fin: true))
    #expect(node.finishReceiving(first) == true)
    #expect(node.streamCount == 0 && node.slot(of: 2) == nil)

    let second = node.open() ?? -1
    #expect(second == first)
    _ = node.sendData(second, count: 1, fin: false)
    #expect(node.receive(Self.update(4, 0, .fin), now: 0) == .writable(slot: second, fin: true))
    #expect(node.finishReceiving(second) == false)
    #expect(node.streamCount == 1)
    #expect(node.sendData(second, count: 0, fin: true).isClosed)
    #expect(node.streamCount == 0)
  }

  @Test(arguments: [StreamResetCode.cancelled, .notSent, .connectTimeout, .malformedResponse, .upstreamTimeout, .resetAfterSend])
  func `a reset carries its code to the other side with pico.v1 only`(code: StreamResetCode) {
    for isPico in [true, false] {
      var agent = Self.agent(isPico: isPico)
      var node = Self.node(isPico: isPico)
      let slot = node.open() ?? -1
      guard case .accept(let accepted, _, _) = agent.receive(node.sendData(slot, count: 1, fin: false).header, now: 0),
        let reset = agent.reset(accepted, code: code)
      else {
        Issue.record("no reset")
        return
      }
      // The ACK that was due rides on the reset: the stream had been taken.
      #expect(reset == Self.update(2, isPico ? code.rawValue : 0, [.rst, .ack]))
      #expect(node.receive(reset, now: 0) == .reset(slot: slot, code: isPico ? code : .cancelled, wasAcknowledged: true))
      #expect(agent.streamCount == 0 && node.streamCount == 0 && agent.unreadBytes == 0)
    }
  }

  @Test func `a reset without ACK says that the stream was refused`() {
    var node = Self.node()
    let slot = node.open() ?? -1
    _ = node.sendData(slot, count: 1, fin: false)
    #expect(node.receive(Self.update(2, 1, .rst), now: 0) == .reset(slot: slot, code: .notSent, wasAcknowledged: false))
  }

  @Test func `a code that no version knows, or that is never on the wire, is a cancel`() {
    for code in [6, 77, UInt32.max] {
      var node = Self.node()
      let slot = node.open() ?? -1
      _ = node.sendData(slot, count: 1, fin: false)
      #expect(node.receive(Self.update(2, code, .rst), now: 0) == .reset(slot: slot, code: .cancelled, wasAcknowledged: false))
    }
    var node = Self.node()
    let slot = node.open() ?? -1
    _ = node.sendData(slot, count: 1, fin: false)
    #expect(node.reset(slot, code: .sessionLost) == Self.update(2, 0, .rst))
  }

  @Test func `says nothing about a stream that the peer never heard of`() {
    var node = Self.node()
    #expect(node.reset(node.open() ?? -1, code: .cancelled) == nil)
    #expect(node.open().map { node.streamID($0) } == 4)
  }

  @Test func `skips what still comes for a stream that is gone`() {
    var node = Self.node()
    let slot = node.open() ?? -1
    _ = node.sendData(slot, count: 1, fin: false)
    _ = node.reset(slot, code: .cancelled)
    #expect(node.receive(Self.data(2, 700), now: 0) == .drain(length: 700))
    #expect(node.receive(Self.data(2, 0, .fin), now: 0) == .none)
    #expect(node.receive(Self.update(2, 1 << 20), now: 0) == .none)
    #expect(node.receive(Self.update(2, 0, .rst), now: 0) == .none)
  }

  // MARK: The session

  @Test func `answers pings and hands on the answers`() {
    var agent = Self.agent()
    #expect(agent.receive(Self.ping(7, .syn), now: 0) == .pingRequest(value: 7))
    #expect(agent.receive(Self.ping(8, .ack), now: 0) == .pingReply(value: 8))
  }

  struct Misuse: Sendable {
    let what: String
    var isNode = false
    var isPico = true
    let headers: [YamuxFrameHeader]
    let fault: SessionFault
  }

  static let window: UInt32 = 256 << 10
  static let misuses: [Misuse] = [
    Misuse(what: "ping on a stream", headers: [ping(1, .syn, id: 2)], fault: .malformedHeader),
    Misuse(what: "ping without flag", headers: [ping(1, [])], fault: .malformedHeader),
    Misuse(what: "ping with both flags", headers: [ping(1, [.syn, .ack])], fault: .malformedHeader),
    Misuse(what: "go-away on a stream", headers: [goAway(0, id: 2)], fault: .malformedHeader),
    Misuse(what: "data on stream 0", headers: [data(0, 1)], fault: .malformedHeader),
    Misuse(what: "update on stream 0", headers: [update(0, 1)], fault: .malformedHeader),
    Misuse(what: "SYN on stream 0", headers: [data(0, 1, .syn)], fault: .wrongParity),
    Misuse(what: "SYN and RST", headers: [update(2, 0, [.syn, .rst])], fault: .malformedHeader),
    Misuse(what: "SYN and RST with data", headers: [data(2, 0, [.syn, .rst])], fault: .malformedHeader),
    Misuse(what: "RST with payload", headers: [data(2, 0, .syn), data(2, 5, .rst)], fault: .malformedHeader),
    Misuse(what: "odd stream of a node", headers: [data(3, 0, .syn)], fault: .wrongParity),
    Misuse(what: "even stream of an agent", isNode: true, headers: [data(2, 0, .syn)], fault: .wrongParity),
    Misuse(what: "second stream of an agent", isNode: true, headers: [data(1, 0, .syn), data(3, 0, .syn)], fault: .unexpectedStream),
    Misuse(what: "first stream of an agent is not 1", isNode: true, headers: [data(3, 0, .syn)], fault: .unexpectedStream),
    Misuse(what: "stream of a plain agent", isNode: true, isPico: false, headers: [data(1, 0, .syn)], fault: .unexpectedStream),
    Misuse(what: "same stream twice", headers: [data(2, 0, .syn), data(2, 0, .syn)], fault: .duplicateStream),
    Misuse(what: "same stream twice by update", headers: [data(2, 0, .syn), update(2, 0, .syn)], fault: .duplicateStream),
    Misuse(what: "first data past the window", headers: [data(2, window + 1, .syn)], fault: .windowExceeded),
    Misuse(what: "data past the window", headers: [data(2, window, .syn), data(2, 1)], fault: .windowExceeded),
    Misuse(what: "as much data as can be said", headers: [data(2, 0, .syn), data(2, .max)], fault: .windowExceeded),
    Misuse(what: "opening update past 32 bits", headers: [update(2, .max, .syn)], fault: .windowOverflow),
    Misuse(what: "updates past 32 bits", headers: [data(2, 0, .syn), update(2, .max - window), update(2, 1)], fault: .windowOverflow),
  ]

  @Test(arguments: misuses)
  func `ends the session for what no honest peer sends`(misuse: Misuse) {
    var machine = misuse.isNode ? Self.node(isPico: misuse.isPico) : Self.agent(isPico: misuse.isPico)
    for header in misuse.headers.dropLast() {
      if case .fault(let fault) = machine.receive(header, now: 0) { Issue.record("\(misuse.what): \(fault) too early") }
    }
    #expect(machine.receive(misuse.headers[misuse.headers.count - 1], now: 0) == .fault(misuse.fault), "\(misuse.what)")
  }

  @Test(arguments: [data(2, 1), data(2, 0, .fin), update(2, 0, .fin)])
  func `ends the session for data or another FIN behind FIN, and for nothing else`(header: YamuxFrameHeader) {
    var agent = Self.agent()
    guard case .accept(let slot, _, true) = agent.receive(Self.data(2, 0, [.syn, .fin]), now: 0) else {
      Issue.record("not taken")
      return
    }
    #expect(agent.finishReceiving(slot) == false)
    // Window for our own direction, and a reset, are still welcome.
    #expect(agent.receive(Self.update(2, 9000), now: 0) == .writable(slot: slot, fin: false))
    var other = agent
    #expect(agent.receive(header, now: 0) == .fault(.dataAfterFin))
    #expect(other.receive(Self.update(2, 0, .rst), now: 0) == .reset(slot: slot, code: .cancelled, wasAcknowledged: true))
  }

  // MARK: Windows

  @Test func `gives bytes back when half of the window was used`() {
    var agent = Self.agent()
    _ = agent.receive(Self.data(2, 256 << 10, .syn), now: 0)
    _ = agent.acknowledge(0)
    let later: UInt64 = 1 << 40
    #expect(agent.consumed(0, count: 128 << 10 - 1, now: later) == nil)
    #expect(agent.consumed(0, count: 1, now: later) == Self.update(2, 128 << 10))
    #expect(agent.unread(0) == 128 << 10 && agent.unreadBytes == 128 << 10)
    #expect(agent.receive(Self.data(2, 128 << 10), now: later) == .data(slot: 0, length: 128 << 10, fin: false))
    #expect(agent.receive(Self.data(2, 1), now: later) == .fault(.windowExceeded))
  }

  /// Consumes a whole window at a time, each within a round trip, and returns the windows that the peer saw.
  static func grow(_ agent: inout Machine, id: UInt32, slot: Int, window: Int, times: Int) -> [Int] {
    var sizes: [Int] = []
    var open = window
    for _ in 0..<times {
      guard case .data = agent.receive(data(id, UInt32(open)), now: 0) else { return sizes }
      guard let header = agent.consumed(slot, count: open, now: 0) else { return sizes }
      open = Int(header.length)
      sizes.append(open)
    }
    return sizes
  }

  @Test func `a window that is used up within two round trips doubles up to its limit`() {
    var agent = Self.agent()
    _ = agent.receive(Self.update(2, 0, .syn), now: 0)
    let sizes = Self.grow(&agent, id: 2, slot: 0, window: 256 << 10, times: 7)
    #expect(sizes == [512, 1024, 2048, 4096, 8192, 8192, 8192].map { $0 << 10 })
  }

  @Test func `a window stays where it is when the peer is slow, when it may not grow, or when memory is short`() {
    var slow = Self.agent()
    _ = slow.receive(Self.data(2, 256 << 10, .syn), now: 0)
    slow.roundTrip = 1000
    #expect(slow.consumed(0, count: 256 << 10, now: 2000) == Self.update(2, 256 << 10, .ack))

    var fixed = Self.agent { $0.maximumWindow = $0.initialWindow }
    _ = fixed.receive(Self.update(2, 0, .syn), now: 0)
    #expect(Self.grow(&fixed, id: 2, slot: 0, window: 256 << 10, times: 3) == [256 << 10, 256 << 10, 256 << 10])

    // Another stream sits on three quarters of the memory.
    var full = Self.agent { $0.maximumBuffered = 1 << 20 }
    for id: UInt32 in [2, 4, 6] { _ = full.receive(Self.data(id, 256 << 10, .syn), now: 0) }
    _ = full.receive(Self.update(8, 0, .syn), now: 0)
    #expect(Self.grow(&full, id: 8, slot: 3, window: 256 << 10, times: 2) == [256 << 10, 256 << 10])
  }

  @Test func `what a window had grown by is free again when its stream ends`() {
    var agent = Self.agent { $0.maximumBuffered = 900 << 10 }
    for round in 0..<5 {
      let id = UInt32(2 + 2 * round)
      _ = agent.receive(Self.update(id, 0, .syn), now: 0)
      // 256 KiB more fit into three quarters of the limit, 512 do not.
      #expect(Self.grow(&agent, id: id, slot: 0, window: 256 << 10, times: 3) == [512 << 10, 512 << 10, 512 << 10])
      _ = agent.reset(0, code: .cancelled)
    }
  }

  @Test func `gives nothing back to a peer that has ended`() {
    var agent = Self.agent()
    _ = agent.receive(Self.data(2, 256 << 10, [.syn, .fin]), now: 0)
    _ = agent.finishReceiving(0)
    #expect(agent.consumed(0, count: 256 << 10, now: 0) == nil)
    #expect(agent.unreadBytes == 0)
  }
}
