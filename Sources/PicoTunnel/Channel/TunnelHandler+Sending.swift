internal import NIOCore

extension TunnelHandler {
  /// What one stream may send before the next has its turn.
  private static var quantum: Int { 16 << 10 }
  /// A message holds at most this many bytes of frames: four quanta.
  private static var messageLimit: Int { 4 &* (quantum &+ YamuxFrameHeader.length) }
  /// Messages that one tick may send before other work has its turn.
  private static var messagesPerTick: Int { 8 }

  // MARK: Streams

  /// Sends at once what window and socket take, and keeps the rest in the stream's order.
  func write(_ stream: TunnelStream, _ bytes: UnsafeRawBufferPointer, end: Bool) -> Bool {
    if stream.pending == nil, isWritable, bytes.count <= machine.sendWindow(stream.slot),
      framedBytes &+ YamuxFrameHeader.length &+ bytes.count <= Self.messageLimit
    {
      stream.wasWritten = true
      if unsafe send(stream.slot, bytes, end: end) { release(stream) }
      return true
    }
    var pending = stream.pending ?? loop.takeBuffer()
    stream.pending = nil
    unsafe pending.writeBytes(bytes)
    let waiting = pending.readableBytes
    stream.pending = pending
    stream.isEndPending = end
    enter(stream)
    guard waiting > TunnelStream.highMark else { return true }
    stream.isPaused = true
    return false
  }

  /// Puts the stream into the ring if it has something that may go out now.
  private func enter(_ stream: TunnelStream) {
    guard !isInRing[stream.slot], canSend(stream) else { return }
    isInRing[stream.slot] = true
    ring.append(stream.slot)
    requestFlush()
  }

  private func canSend(_ stream: TunnelStream) -> Bool {
    guard let pending = stream.pending else { return false }
    return machine.sendWindow(stream.slot) > 0 || (pending.readableBytes == 0 && stream.isEndPending)
  }

  /// The peer opened the window.
  func resume(_ stream: TunnelStream) { enter(stream) }

  func reset(_ stream: TunnelStream, code: StreamResetCode) {
    if let header = machine.reset(stream.slot, code: code) { append(header) }
    release(stream)
  }

  func consumed(_ stream: TunnelStream, count: Int) {
    if let header = machine.consumed(stream.slot, count: count, now: loop.now()) { append(header) }
  }

  func acknowledge(_ stream: TunnelStream) {
    if let header = machine.acknowledge(stream.slot) { append(header) }
  }

  func note(_ stream: TunnelStream, _ bits: UInt64) {
    let (high, low) = machine.note(stream.slot, bits)
    append(high)
    append(low)
  }

  /// One quantum of each waiting stream in turn, until the message is full.
  private func drainRing() {
    while isWritable, framedBytes &+ YamuxFrameHeader.length &+ Self.quantum <= Self.messageLimit, let slot = ring.popFirst() {
      isInRing[slot] = false
      // A stream may have ended while it waited, and another may have its slot, with nothing to send yet.
      guard let stream = streams[slot], canSend(stream), var pending = stream.pending else { continue }
      stream.pending = nil
      let count = min(pending.readableBytes, machine.sendWindow(slot), Self.quantum)
      let isLast = count == pending.readableBytes
      stream.wasWritten = true
      var isClosed = false
      unsafe pending.readWithUnsafeReadableBytes { bytes in
        isClosed = unsafe send(slot, UnsafeRawBufferPointer(rebasing: bytes.prefix(count)), end: isLast && stream.isEndPending)
        return count
      }
      if isLast {
        loop.giveBack(pending)
      } else {
        if pending.readerIndex > TunnelStream.highMark { pending.discardReadBytes() }
        stream.pending = pending
        enter(stream)
      }
      let waiting = stream.pending?.readableBytes ?? 0
      if isClosed {
        release(stream)
      } else if stream.isPaused, waiting < TunnelStream.lowMark {
        stream.isPaused = false
        stream.consumer?.streamDidBecomeWritable()
      }
    }
  }

  /// Data with its frame, and FIN with the last of it; true when the stream is over.
  ///
  /// To a plain yamux peer FIN goes alone, behind the data: a Go program wakes its reader for the flags of a frame before it has taken the
  /// payload, and the reader finds nothing but the end.
  private func send(_ slot: Int, _ bytes: UnsafeRawBufferPointer, end: Bool) -> Bool {
    let isFinApart = end && !settings.session.isPico && bytes.count > 0
    let (header, isClosed) = machine.sendData(slot, count: bytes.count, fin: end && !isFinApart)
    unsafe append(header, bytes)
    guard isFinApart else { return isClosed }
    let (last, isClosedNow) = machine.sendData(slot, count: 0, fin: true)
    append(last)
    return isClosedNow
  }

  // MARK: Frames

  /// Appends a frame without payload.
  func append(_ header: YamuxFrameHeader) {
    if !isWritable { stalledBytes &+= YamuxFrameHeader.length }
    unsafe append(header, UnsafeRawBufferPointer(start: nil, count: 0))
  }

  private func append(_ header: YamuxFrameHeader, _ payload: UnsafeRawBufferPointer) {
    if framedBytes &+ YamuxFrameHeader.length &+ payload.count > Self.messageLimit { finishMessage() }
    var buffer = takeOut()
    unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: YamuxFrameHeader.length &+ payload.count) { destination in
      // The room for header and payload was asked for above.
      unsafe header.write(to: destination.baseAddress.unsafelyUnwrapped)
      if let source = payload.baseAddress {
        unsafe (destination.baseAddress.unsafelyUnwrapped + YamuxFrameHeader.length).copyMemory(from: source, byteCount: payload.count)
      }
      return YamuxFrameHeader.length &+ payload.count
    }
    out = buffer
    requestFlush()
  }

  /// Bytes of frames in the message under construction.
  @inline(__always)
  private var framedBytes: Int { out.map { $0.readableBytes &- WebSocketFrameHeader.maximumLength } ?? 0 }

  /// Takes the message under construction out of its place, so that it is written to without a copy; the caller puts it back.
  private func takeOut() -> ByteBuffer {
    if let buffer = out.take() { return buffer }
    var buffer = loop.takeBuffer()
    buffer.writeRepeatingByte(0, count: WebSocketFrameHeader.maximumLength)
    return buffer
  }

  /// Puts the WebSocket header in front, masks in place and hands the message to the channel.
  private func finishMessage() {
    guard var buffer = out.take() else { return }
    let room = WebSocketFrameHeader.maximumLength
    let payload = buffer.readableBytes &- room
    guard payload > 0 else { return loop.giveBack(buffer) }
    let mask = settings.masksOutbound ? WebSocketMask(word: loop.strongRandom()) : nil
    let length = WebSocketFrameHeader.length(payload: payload, masked: mask != nil)
    unsafe buffer.withUnsafeMutableReadableBytes { bytes in
      // `room` bytes were left in front of the payload, and no header is longer.
      let start = unsafe bytes.baseAddress.unsafelyUnwrapped
      unsafe WebSocketFrameHeader.write(opcode: .binary, payload: payload, mask: mask, to: start + (room &- length))
      if let mask { unsafe mask.apply(from: start + room, to: start + room, count: payload) }
    }
    buffer.moveReaderIndex(forwardBy: room &- length)
    context?.write(wrapOutboundOut(buffer), promise: nil)
    written.append(buffer)
  }

  /// A Close or Pong frame of the WebSocket itself, behind what was gathered.
  func sendControlFrame(_ opcode: WebSocketOpcode, _ payload: [UInt8]) {
    if !isWritable { stalledBytes &+= payload.count + WebSocketFrameHeader.maximumLength }
    finishMessage()
    let mask = settings.masksOutbound ? WebSocketMask(word: loop.strongRandom()) : nil
    let length = WebSocketFrameHeader.length(payload: payload.count, masked: mask != nil)
    var buffer = loop.takeBuffer()
    unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length + payload.count) { destination in
      let start = unsafe destination.baseAddress.unsafelyUnwrapped
      unsafe WebSocketFrameHeader.write(opcode: opcode, payload: payload.count, mask: mask, to: start)
      unsafe payload.withUnsafeBytes { source in
        if let from = source.baseAddress {
          unsafe (mask ?? WebSocketMask(word: 0)).apply(from: from, to: start + length, count: payload.count)
        }
      }
      return length + payload.count
    }
    context?.write(wrapOutboundOut(buffer), promise: nil)
    written.append(buffer)
    requestFlush()
  }

  // MARK: The end of the tick

  func requestFlush() {
    guard !isFlushRequested else { return }
    isFlushRequested = true
    loop.flushAtEndOfTick(self)
  }

  package func flushTick() {
    isFlushRequested = false
    guard closeReason == nil, context != nil else { return }
    var messages = 0
    repeat {
      drainRing()
      finishMessage()
      context?.flush()
      while let buffer = written.popLast() { loop.giveBack(buffer) }
      messages += 1
    } while !ring.isEmpty && isWritable && messages < Self.messagesPerTick
    if !ring.isEmpty, isWritable { requestFlush() }
  }
}
