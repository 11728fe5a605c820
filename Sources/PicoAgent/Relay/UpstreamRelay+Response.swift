internal import NIOCore
internal import PicoHTTP
internal import PicoTunnel

extension UpstreamRelay {
  /// Bytes of the service. They go to the stream as they are, the last ones together with the FIN.
  func upstreamDidReceive(_ bytes: ByteBuffer) {
    pool.statistics.bytesFromUpstream &+= UInt64(bytes.readableBytes)
    record?.bytesOut &+= UInt64(bytes.readableBytes)
    switch phase {
    case .exchange where isResponseHeadRead:
      receiveBody(bytes, from: 0)
    case .exchange:
      guard var head = heldResponse.take() else { return receiveHead(bytes) }
      head.writeImmutableBuffer(bytes)
      receiveHead(head)
      if heldResponse == nil { pool.resources.giveBack(head) }
    case .raw:
      write(bytes, count: bytes.readableBytes, end: false)
    case .free, .head, .connecting, .lingering:
      break
    }
  }

  private func receiveHead(_ bytes: ByteBuffer) {
    var bytes = bytes
    while true {
      switch response.parse(bytes.readableBytesSpan, limit: Self.maximumHead, answering: question) {
      case .incomplete:
        var buffer = pool.resources.takeBuffer()
        buffer.writeImmutableBuffer(bytes)
        heldResponse = buffer
        return
      case .failed(let fault):
        return refuseResponse(fault)
      case .complete(let headBytes) where response.isInterim:
        write(bytes, count: headBytes, end: false)
        bytes.moveReaderIndex(forwardBy: headBytes)
        response.reset()
        if bytes.readableBytes == 0 { return }
      case .complete(let headBytes):
        return begin(bytes, headBytes: headBytes)
      }
    }
  }

  private func begin(_ bytes: ByteBuffer, headBytes: Int) {
    isResponseHeadRead = true
    record?.status = response.status
    let digit = response.status / 100
    pool.statistics.responses[digit < 6 ? digit : 0] &+= 1
    if response.isSwitch {
      write(bytes, count: bytes.readableBytes, end: false)
      return enterRaw()
    }
    responseBody = response.framing(answering: question.method)
    keepsConnection = response.keepsAlive(answering: question.method)
    if keepsConnection, response.contains(.keepAlive) {
      keepAliveSeconds = response.keepAliveTimeoutSeconds(bytes.readableBytesSpan)
    }
    receiveBody(bytes, from: headBytes)
  }

  /// `bytes` is body from `offset` on; what stands before goes out with it.
  private func receiveBody(_ bytes: ByteBuffer, from offset: Int) {
    let progress =
      offset == 0
      ? responseBody.consume(bytes.readableBytesSpan) : responseBody.consume(bytes.readableBytesSpan.extracting(droppingFirst: offset))
    switch progress {
    case .more:
      write(bytes, count: bytes.readableBytes, end: false)
    case .ended(let count):
      let end = offset &+ count
      if end < bytes.readableBytes { keepsConnection = false }
      write(bytes, count: end, end: true)
      finishResponse()
    case .failed(let fault):
      refuseResponse(fault)
    }
  }

  private func refuseResponse(_ fault: HTTPFault) {
    pool.statistics.malformedResponses &+= 1
    pool.log(fault)
    fail(.malformedResponse)
  }

  private func write(_ bytes: ByteBuffer, count: Int, end: Bool) {
    guard let stream else { return }
    isAnswered = true
    let mayGoOn = unsafe bytes.withUnsafeReadableBytes { unsafe stream.write(UnsafeRawBufferPointer(rebasing: $0.prefix(count)), end: end) }
    if !mayGoOn { connection?.pause() }
  }

  /// The last byte of the response and the FIN were given to the stream.
  private func finishResponse() {
    isOutputEnded = true
    if let connection = self.connection.take() {
      if keepsConnection, isRequestEnded {
        pool.give(connection, keepAliveSeconds: keepAliveSeconds)
      } else {
        connection.discard()
      }
    }
    if isStreamEnded {
      release()
    } else {
      linger()
    }
  }

  private func linger() {
    phase = .lingering
    if let rest = held.take() {
      untaken &+= rest.readableBytes
      pool.resources.giveBack(rest)
    }
    upstreamDidTake()
  }

  /// The service sends no more, and said so.
  func upstreamDidEnd() {
    switch phase {
    case .raw:
      end()
      if isStreamEnded { finishAndRelease() }
    case .exchange where isResponseHeadRead && responseBody.kind == .untilClose:
      keepsConnection = false
      end()
      finishResponse()
    case .exchange:
      breakOffByUpstream()
    case .free, .head, .connecting, .lingering:
      break
    }
  }

  private func end() {
    guard !isOutputEnded else { return }
    isOutputEnded = true
    unsafe _ = stream?.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
  }

  /// The connection is gone.
  func upstreamDidClose(error: (any Error)?, wasReady: Bool) {
    connection = nil
    if !wasReady { return failToConnect(error) }
    switch error as? HTTP2ExchangeFailure {
    case .refused: return failToConnect(nil)
    case .malformed(let fault): return refuseResponse(fault)
    case nil: break
    }
    switch phase {
    case .raw where isOutputEnded && isStreamEnded: release()
    case .free, .lingering: break
    default: breakOffByUpstream()
    }
  }

  private func breakOffByUpstream() {
    pool.statistics.brokenOff &+= 1
    fail(.resetAfterSend)
  }

  /// Ours to answer towards a node without reset codes.
  func answer(_ code: ErrorCode) {
    guard let stream else { return }
    var text = ErrorResponse(code)
    text.isHead = question.method == .head
    var buffer = pool.resources.takeBuffer()
    text.write(into: &buffer)
    isAnswered = true
    isOutputEnded = true
    unsafe buffer.withUnsafeReadableBytes { unsafe _ = stream.write($0, end: true) }
    pool.resources.giveBack(buffer)
    if isStreamEnded {
      release()
    } else {
      linger()
    }
  }
}
