internal import NIOCore

/// The bytes of the session, without their WebSocket frames.
extension TunnelHandler {
  func receiveSession(_ chunk: ByteBuffer, from start: Int, count: Int) {
    var position = start
    let end = start &+ count
    while position < end, closeReason == nil {
      if payloadLeft > 0 {
        let count = min(payloadLeft, end &- position)
        payloadLeft &-= count
        deliver(chunk, at: position, count: count)
        position &+= count
        continue
      }
      guard let header = readHeader(chunk, &position, end) else { continue }
      obey(header)
    }
  }

  /// Three words from the chunk, gathered over chunks where a header is split. Nil while incomplete or after a fault.
  private func readHeader(_ chunk: ByteBuffer, _ position: inout Int, _ end: Int) -> YamuxFrameHeader? {
    if headerFill == 0, end &- position >= YamuxFrameHeader.length {
      let header = unsafe chunk.withVeryUnsafeBytes { unsafe YamuxFrameHeader($0.baseAddress.unsafelyUnwrapped + position) }
      position &+= YamuxFrameHeader.length
      if header == nil { self.end(.session(.malformedHeader)) }
      return header
    }
    while headerFill < YamuxFrameHeader.length, position < end {
      let byte = UInt32(chunk.getInteger(at: position, as: UInt8.self) ?? 0)
      switch headerFill >> 2 {
      case 0: headerWords.0 = headerWords.0 << 8 | byte
      case 1: headerWords.1 = headerWords.1 << 8 | byte
      default: headerWords.2 = headerWords.2 << 8 | byte
      }
      headerFill &+= 1
      position &+= 1
    }
    guard headerFill == YamuxFrameHeader.length else { return nil }
    headerFill = 0
    let words = (headerWords.0.bigEndian, headerWords.1.bigEndian, headerWords.2.bigEndian)
    let header = unsafe withUnsafeBytes(of: words) { unsafe YamuxFrameHeader($0.baseAddress.unsafelyUnwrapped) }
    if header == nil { self.end(.session(.malformedHeader)) }
    return header
  }

  private func obey(_ header: YamuxFrameHeader) {
    switch machine.receive(header, now: lastReceived) {
    case .none:
      break
    case .data(let slot, let length, let fin):
      beginPayload(streams[slot], length: length, fin: fin)
    case .accept(let slot, let length, let fin):
      beginPayload(accept(slot), length: length, fin: fin)
    case .drain(let length):
      beginPayload(nil, length: length, fin: false)
    case .writable(let slot, let fin):
      if let stream = streams[slot] {
        resume(stream)
        if fin { finishReceiving(stream) }
      }
    case .reset(let slot, let code, let wasAcknowledged):
      if let stream = streams[slot] {
        let consumer = stream.consumer
        release(stream)
        let isRefusal = settings.session.isPico && code == .cancelled && !wasAcknowledged
        consumer?.streamDidReset(isRefusal ? .notSent : code, wasAcknowledged: wasAcknowledged)
      }
    case .refuse(let streamID, let length):
      append(
        YamuxFrameHeader(
          type: .windowUpdate, flags: .rst, streamID: streamID,
          length: settings.session.isPico ? StreamResetCode.notSent.rawValue : 0))
      beginPayload(nil, length: length, fin: false)
    case .pingRequest(let value):
      append(YamuxFrameHeader(type: .ping, flags: .ack, streamID: 0, length: value))
    case .pingReply(let value):
      guard value == pingValue, pingSentAt != 0 else { break }
      roundTrip = lastReceived &- pingSentAt
      pingSentAt = 0
      machine.roundTrip = max(roundTrip, 1_000_000)
      delegate?.tunnel(self, didMeasureRoundTrip: roundTrip)
    case .note(let slot, let half):
      guard let stream = streams[slot] else { break }
      if let high = stream.noteHalf.take() {
        stream.consumer?.streamDidReceiveNote(UInt64(high) << 32 | UInt64(half))
      } else {
        stream.noteHalf = half
      }
    case .goAway:
      delegate?.tunnelDidReceiveGoAway(self)
    case .fault(let fault):
      end(.session(fault))
    }
  }

  /// The accepted stream; nil when its consumer, or the lack of one, ended it at once.
  private func accept(_ slot: Int) -> TunnelStream? {
    let stream = makeStream(slot)
    let generation = stream.generation
    if settings.session.role == .server, !settings.session.isLink {
      let consumer = ControlConsumer(self)
      consumer.stream = stream
      stream.consumer = consumer
      control = consumer
      flushControlBacklog()
    } else if let consumer = delegate?.tunnel(self, didAccept: stream) {
      if stream.generation == generation { stream.consumer = consumer }
    } else if stream.generation == generation {
      reset(stream, code: .notSent)
    }
    return stream.generation == generation ? stream : nil
  }

  private func beginPayload(_ stream: TunnelStream?, length: Int, fin: Bool) {
    if length == 0 {
      if fin, let stream { finishReceiving(stream) }
      return
    }
    payloadLeft = length
    payloadStream = stream
    payloadGeneration = stream?.generation ?? 0
    isFinBehindPayload = fin
  }

  private func deliver(_ chunk: ByteBuffer, at position: Int, count: Int) {
    guard let stream = payloadStream, stream.generation == payloadGeneration else {
      payloadStream = nil
      return
    }
    if let slice = chunk.getSlice(at: position, length: count) { stream.consumer?.streamDidReceive(slice) }
    guard payloadLeft == 0 else { return }
    payloadStream = nil
    if isFinBehindPayload, stream.generation == payloadGeneration { finishReceiving(stream) }
    if machine.unreadBytes > settings.session.maximumBuffered { makeRoom() }
  }

  private func finishReceiving(_ stream: TunnelStream) {
    let consumer = stream.consumer
    if machine.finishReceiving(stream.slot) { release(stream) }
    consumer?.streamDidEnd()
  }

  /// The session's share of memory is used up: the streams that hold most of it pay, until an eighth of it is there for others. With less,
  /// a crowd of readers that do not read would keep new streams out.
  private func makeRoom() {
    let enough = settings.session.maximumBuffered / 8 &* 7
    while machine.unreadBytes > enough {
      var fullest: TunnelStream?
      for case let stream? in streams where machine.unread(stream.slot) > fullest.map({ machine.unread($0.slot) }) ?? 0 { fullest = stream }
      guard let fullest else { return }
      let consumer = fullest.consumer
      reset(fullest, code: .cancelled)
      consumer?.streamDidReset(.cancelled, wasAcknowledged: true)
    }
  }
}
