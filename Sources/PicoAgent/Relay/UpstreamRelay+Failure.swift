internal import NIOCore
internal import PicoClient
internal import PicoHTTP
internal import PicoTracing
internal import PicoTransport
internal import PicoTunnel

extension UpstreamRelay {
  /// Ends the exchange with a reason the node can act upon: a reset with a code, or to a node without `pico.v1` an answer where one is
  /// still possible.
  func fail(_ code: StreamResetCode) {
    note(code)
    let connection = self.connection.take()
    connection?.discard()
    guard !isPico, !isAnswered, !pool.service.isRaw, let answer = Self.errorCode(code) else {
      let stream = stream.take()
      stream?.reset(code)
      return release()
    }
    self.answer(answer)
  }

  /// For the access log and the trace.
  func note(_ code: StreamResetCode) {
    record?.failure = code
    // Behind the last byte of the response nothing fails any more.
    if !isOutputEnded { span?.fail("\(code.name)", isError: true) }
  }

  private static func errorCode(_ code: StreamResetCode) -> ErrorCode? {
    switch code {
    case .notSent, .resetAfterSend: .upstreamUnreachable
    case .connectTimeout, .upstreamTimeout: .upstreamTimeout
    case .malformedResponse: .malformedResponse
    case .cancelled, .sessionLost: nil
    }
  }

  /// Nothing went to the service, so the request may go elsewhere.
  func failToConnect(_ error: (any Error)?) {
    fail(error.map(ConnectErrorText.isTimeout) ?? false ? .connectTimeout : .notSent)
  }

  /// The node sent something that no node of ours sends.
  func refuseRequest(_ fault: HTTPFault) {
    pool.log(request: fault)
    breakOff()
  }

  /// The request ended before its end, or goes on behind it. A stream that is refused without a word may be tried elsewhere; what the
  /// service saw a part of must not.
  func breakOff() {
    pool.statistics.cancelled &+= 1
    let code = isDelivered ? StreamResetCode.resetAfterSend : .cancelled
    note(code)
    let stream = stream.take()
    stream?.reset(code)
    discardAndRelease()
  }
}
