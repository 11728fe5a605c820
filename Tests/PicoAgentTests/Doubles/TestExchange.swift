import NIOCore
import PicoTunnel
import Synchronization
import Testing

/// The node's end of one stream, and what came on it.
final class TestExchange: StreamConsumer, Sendable {
  struct Seen: Sendable {
    var text = ""
    var bytes = 0
    var isEnded = false
    var reset: StreamResetCode?
    var wasAcknowledged = false
    var isWritable = true
  }

  let seen = Mutex(Seen())
  private let confined: NIOLoopBoundBox<TunnelStream?>
  private let consumes: Bool
  private let eventLoop: any EventLoop

  init(eventLoop: any EventLoop, consumes: Bool) {
    confined = NIOLoopBoundBox(nil, eventLoop: eventLoop)
    self.consumes = consumes
    self.eventLoop = eventLoop
  }

  var stream: TunnelStream? {
    get { confined.value }
    set { confined.value = newValue }
  }

  func refuse() { seen.withLock { $0.reset = .notSent } }

  func write(_ text: String, end: Bool) {
    var text = text
    let isWritable = text.withUTF8 { unsafe stream?.write(UnsafeRawBufferPointer($0), end: end) } ?? true
    seen.withLock { $0.isWritable = isWritable }
  }

  /// From any thread.
  func send(_ text: String, end: Bool = false) async throws {
    try await eventLoop.submit { self.write(text, end: end) }.get()
  }

  func cancel() async throws {
    try await eventLoop.submit {
      self.stream?.reset(.cancelled)
      self.stream = nil
    }.get()
  }

  func consume(_ count: Int) async throws {
    try await eventLoop.submit { self.stream?.consumed(count) }.get()
  }

  var text: String { seen.withLock { $0.text } }
  var reset: StreamResetCode? { seen.withLock { $0.reset } }
  var isEnded: Bool { seen.withLock { $0.isEnded } }

  /// Waits for the end of the stream and gives what came: the text, or `reset CODE`.
  func outcome() async -> String {
    await eventually("the stream never ended: \(text)") { seen.withLock { $0.isEnded || $0.reset != nil } }
    return seen.withLock { seen in seen.reset.map { "\(seen.text)reset \($0)" } ?? seen.text }
  }

  func streamDidReceive(_ bytes: ByteBuffer) {
    seen.withLock {
      if $0.text.utf8.count < 1 << 20 { $0.text += String(buffer: bytes) }
      $0.bytes += bytes.readableBytes
    }
    if consumes { stream?.consumed(bytes.readableBytes) }
  }

  func streamDidEnd() { seen.withLock { $0.isEnded = true } }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) {
    seen.withLock {
      $0.reset = code
      $0.wasAcknowledged = wasAcknowledged
    }
    stream = nil
  }

  func streamDidBecomeWritable() { seen.withLock { $0.isWritable = true } }
}
