internal import NIOCore
internal import PicoTunnel

/// What passes between the two halves of a stream whose request and tunnel are on different loops.
enum CrossLoopLetter {
  // To the tunnel's loop.
  case open(CrossLoopRelay)
  case write(CrossLoopRelay, ByteBuffer, end: Bool)
  case reset(CrossLoopRelay, StreamResetCode)
  case consumed(CrossLoopRelay, Int)
  // To the request's loop.
  case taken(CrossLoopStream, Int)
  case received(CrossLoopStream, ByteBuffer)
  case ended(CrossLoopStream)
  case wasReset(CrossLoopStream, StreamResetCode, wasAcknowledged: Bool)

  func deliver() {
    switch self {
    case .open(let relay): relay.open()
    case .write(let relay, let bytes, let end): relay.write(bytes, end: end)
    case .reset(let relay, let code): relay.reset(code)
    case .consumed(let relay, let count): relay.consumed(count)
    case .taken(let stream, let count): stream.taken(count)
    case .received(let stream, let bytes): stream.received(bytes)
    case .ended(let stream): stream.ended()
    case .wasReset(let stream, let code, let wasAcknowledged): stream.wasReset(code, wasAcknowledged)
    }
  }
}

/// The request's half: looks like any stream to its user, and posts to the loop of the tunnel. Confined to the request's loop.
final class CrossLoopStream: ByteStream {
  var consumer: (any StreamConsumer)?
  private let caller: LoopResources
  private let outbox: Mailbox
  private let relay: CrossLoopRelay
  /// Written and not yet taken by the tunnel's stream.
  private var waiting = 0
  private var isPaused = false
  private var consumedCount = 0
  private var isEndWritten = false
  /// Reset by either side, or ended by both: nothing more passes.
  private var isOver = false

  private static let highMark = 64 << 10
  private static let lowMark = 16 << 10
  /// Consumption below this is not worth a letter.
  private static let consumedStep = 8 << 10

  init(consumer: any StreamConsumer, listener: Listener, caller: LoopResources, mailboxes: Mailboxes) {
    self.caller = caller
    outbox = mailboxes[from: caller, to: listener.loop]
    relay = CrossLoopRelay(listener: listener, outbox: mailboxes[from: listener.loop, to: caller])
    self.consumer = consumer
    relay.stream = self
    outbox.post(.open(relay))
  }

  func write(_ bytes: UnsafeRawBufferPointer, end: Bool) -> Bool {
    guard !isOver, !isEndWritten else { return true }
    var buffer = caller.takeBuffer()
    unsafe buffer.writeBytes(bytes)
    isEndWritten = end
    waiting &+= bytes.count
    outbox.post(.write(relay, buffer, end: end))
    if waiting > Self.highMark { isPaused = true }
    return !isPaused
  }

  func reset(_ code: StreamResetCode) {
    guard !isOver else { return }
    isOver = true
    consumer = nil
    outbox.post(.reset(relay, code))
  }

  func consumed(_ count: Int) {
    guard !isOver else { return }
    consumedCount &+= count
    guard consumedCount >= Self.consumedStep else { return }
    outbox.post(.consumed(relay, consumedCount))
    consumedCount = 0
  }

  func acknowledge() {}

  func taken(_ count: Int) {
    waiting &-= count
    if isPaused, waiting < Self.lowMark {
      isPaused = false
      consumer?.streamDidBecomeWritable()
    }
  }

  func received(_ bytes: ByteBuffer) {
    consumer?.streamDidReceive(bytes)
    caller.giveBack(bytes)
  }

  func ended() {
    let consumer = consumer
    if isEndWritten {
      // Both ends are gone. A consumer that kept its stream would keep itself.
      isOver = true
      self.consumer = nil
    }
    consumer?.streamDidEnd()
  }

  func wasReset(_ code: StreamResetCode, _ wasAcknowledged: Bool) {
    let consumer = consumer
    isOver = true
    self.consumer = nil
    consumer?.streamDidReset(code, wasAcknowledged: wasAcknowledged)
  }
}

/// The tunnel's half: the consumer of the real stream. Confined to the loop of the tunnel.
final class CrossLoopRelay: StreamConsumer {
  /// The other half, kept until nothing more can be told to it; only handed back to its loop in letters.
  var stream: CrossLoopStream?
  private let listener: Listener
  private let outbox: Mailbox
  private var tunnelStream: TunnelStream?
  /// Taken since the last letter, and held back while the stream asks to pause.
  private var taken = 0
  private var isPaused = false
  private var isEnded = false
  private var isEndReceived = false

  private static let takenStep = 16 << 10

  init(listener: Listener, outbox: Mailbox) {
    self.listener = listener
    self.outbox = outbox
  }

  func open() {
    tunnelStream = unsafe listener.tunnel?.open(self)
    if tunnelStream == nil {
      tell { .wasReset($0, .notSent, wasAcknowledged: false) }
      finish()
    }
  }

  func write(_ bytes: ByteBuffer, end: Bool) {
    guard let tunnelStream else { return listener.loop.giveBack(bytes) }
    isPaused = unsafe !bytes.withUnsafeReadableBytes { unsafe tunnelStream.write($0, end: end) }
    taken &+= bytes.readableBytes
    listener.loop.giveBack(bytes)
    if end {
      isEnded = true
      if isEndReceived { return finish() }
    }
    tellTaken()
  }

  private func tellTaken() {
    guard !isPaused, taken >= Self.takenStep else { return }
    let count = taken
    tell { .taken($0, count) }
    taken = 0
  }

  func reset(_ code: StreamResetCode) {
    tunnelStream?.reset(code)
    finish()
  }

  private func tell(_ letter: (CrossLoopStream) -> CrossLoopLetter) {
    if let stream { outbox.post(letter(stream)) }
  }

  private func finish() {
    tunnelStream = nil
    stream = nil
  }

  func consumed(_ count: Int) { tunnelStream?.consumed(count) }

  func streamDidReceive(_ bytes: ByteBuffer) {
    var copy = listener.loop.takeBuffer()
    copy.writeImmutableBuffer(bytes)
    tell { .received($0, copy) }
  }

  func streamDidEnd() {
    isEndReceived = true
    tell { .ended($0) }
    if isEnded { finish() }
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    tell { .wasReset($0, code, wasAcknowledged: wasAcknowledged) }
    finish()
  }

  func streamDidBecomeWritable() {
    isPaused = false
    tellTaken()
  }
}
