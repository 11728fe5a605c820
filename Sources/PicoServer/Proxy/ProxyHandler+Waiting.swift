internal import NIOCore

/// Requests that wait for something before it is known what is to be done with them.
extension ProxyHandler {
  /// The request at the front of `bytes` begins anew when `answerCame` is called. Until then nothing is read, and it counts as in flight.
  func setAside(with bytes: ByteBuffer) {
    exchange.startedAt = 0
    accessRecord = nil
    span = nil
    phase = .head
    deadline = 0
    isAwaitingAnswer = true
    // Thousands may wait, so in no more room than it needs.
    if input == nil { input = ByteBuffer(buffer: bytes) } else { keep(bytes) }
    pauseReading()
  }

  /// Safe to call when nothing waits.
  func stopAwaitingAnswer() {
    guard isAwaitingAnswer else { return }
    isAwaitingAnswer = false
    loop.statistics.inFlight &-= 1
  }

  /// What was waited for is there, whatever it is.
  func answerCame() {
    guard isAwaitingAnswer else { return }
    stopAwaitingAnswer()
    guard context != nil, phase == .head, isWritable else { return }
    readPipelined()
  }
}
