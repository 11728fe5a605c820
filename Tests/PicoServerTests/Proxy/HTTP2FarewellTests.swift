import Testing

@testable import PicoServer

@Suite struct HTTP2FarewellTests {
  @Test func `a connection ends when the client has heard of it and no stream is left`() {
    var farewell = HTTP2Farewell()
    #expect(farewell.look(streams: 0, now: 0) == .nothing)
    #expect(farewell.leave(now: 5) == .announce)
    #expect(farewell.leave(now: 6) == .nothing)
    #expect(farewell.look(streams: 0, now: 7) == .nothing)
    #expect(farewell.pingCameBack() == .sayLast)
    #expect(farewell.pingCameBack() == .nothing)
    #expect(farewell.look(streams: 1, now: 8) == .nothing)
    #expect(farewell.look(streams: 0, now: 9) == .close)
    #expect(farewell.look(streams: 0, now: 10) == .nothing)
  }

  @Test func `a client that does not answer the ping is not waited for`() {
    var farewell = HTTP2Farewell()
    #expect(farewell.leave(now: 5) == .announce)
    #expect(farewell.look(streams: 1, now: 4 + HTTP2Farewell.patience) == .nothing)
    #expect(farewell.look(streams: 1, now: 5 + HTTP2Farewell.patience) == .sayLast)
    #expect(farewell.look(streams: 0, now: 6 + HTTP2Farewell.patience) == .close)
  }

  @Test func `a ping that nobody asked for means nothing`() {
    var farewell = HTTP2Farewell()
    #expect(farewell.pingCameBack() == .nothing)
    #expect(farewell.state == .none)
  }
}
