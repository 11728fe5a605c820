import PicoTunnel
import Testing

@Suite struct SessionFloodTests {
  typealias Tests = SessionStateMachineTests

  static let limit = 100

  static func agent() -> SessionStateMachine {
    var agent = Tests.agent { $0.floodLimit = limit }
    _ = agent.receive(Tests.update(2, 0, .syn), now: 0)
    return agent
  }

  static let floods: [YamuxFrameHeader] = [
    Tests.ping(1, .syn), Tests.ping(1, .ack), Tests.goAway(0), Tests.data(2, 0), Tests.data(2, 0, .ack), Tests.update(2, 0),
    Tests.update(2, 1), Tests.update(2, 0, .ack), Tests.data(8, 0), Tests.data(8, 0, .rst), Tests.update(8, 1 << 20),
    Tests.update(8, 0, .rst),
  ]

  @Test(arguments: floods)
  func `ends a session that is flooded with what carries nothing`(header: YamuxFrameHeader) {
    var agent = Self.agent()
    let actions = (0..<Self.limit + 2).map { _ in agent.receive(header, now: 5) }
    #expect(!actions.prefix(Self.limit).contains(.fault(.flood)))
    #expect(actions.last == .fault(.flood))
  }

  @Test(arguments: floods)
  func `allows the same in every interval`(header: YamuxFrameHeader) {
    var agent = Self.agent()
    let interval = agent.settings.floodInterval
    for second in 1...10 {
      for _ in 0..<Self.limit { #expect(agent.receive(header, now: UInt64(second) * interval) != .fault(.flood)) }
    }
  }

  @Test func `counts streams that are refused`() {
    var agent = Tests.agent(isPico: false) {
      $0.floodLimit = 100
      $0.maximumStreams = 0
    }
    for index in 0..<100 {
      let id = UInt32(2 + 2 * index)
      #expect(agent.receive(Tests.update(id, 0, .syn), now: 0) == .refuse(streamID: id, length: 0))
    }
    #expect(agent.receive(Tests.update(500, 0, .syn), now: 0) == .fault(.flood))
  }

  /// A response of 200 KiB fits the window: it has left, and its stream has ended, when the update for its first half comes.
  @Test func `is no flood when updates for finished responses come late`() {
    var agent = Self.agent()
    for index in 0..<10_000 {
      let id = UInt32(4 + 2 * index)
      guard case .accept(let slot, _, _) = agent.receive(Tests.data(id, 100, [.syn, .fin]), now: 5) else {
        Issue.record("not taken")
        return
      }
      _ = agent.finishReceiving(slot)
      #expect(agent.sendData(slot, count: 200 << 10, fin: true).isClosed)
      guard agent.receive(Tests.update(id, 128 << 10), now: 5) == .none else {
        Issue.record("a flood after \(index)")
        return
      }
    }
  }

  @Test func `is no flood when many streams are cancelled while their ends are on the way`() {
    var node = Tests.node { $0.floodLimit = 100 }
    for index in 0..<10_000 {
      guard let slot = node.open() else {
        Issue.record("no stream")
        return
      }
      let id = node.streamID(slot)
      _ = node.sendData(slot, count: 100, fin: true)
      _ = node.reset(slot, code: .cancelled)
      for late in [Tests.update(id, 0, .ack), Tests.data(id, 300), Tests.data(id, 0, .fin)] {
        if case .fault = node.receive(late, now: 5) {
          Issue.record("a flood after \(index)")
          return
        }
      }
    }
  }

  @Test func `small data does not pay for pings`() {
    var agent = Self.agent()
    var last = SessionStateMachine.FrameAction.none
    for _ in 0...Self.limit {
      _ = agent.receive(Tests.data(2, 1), now: 5)
      last = agent.receive(Tests.ping(1, .syn), now: 5)
    }
    #expect(last == .fault(.flood))
  }
}
