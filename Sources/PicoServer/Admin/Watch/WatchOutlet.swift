internal import NIOCore
internal import NIOWebSocket
internal import Synchronization

/// The way out to one watcher. It knows how many bytes wait for the other end, so that whoever sends can stop in time.
final class WatchOutlet: Sendable {
  /// Bytes that wait above which nothing should be added.
  private static let room = 256 << 10

  let channel: any Channel
  private let waiting = Atomic<Int>(0)
  /// When the other end took a message last, or there was none to take; steady nanoseconds.
  private let progressAt: Atomic<UInt64>
  /// Called on the channel's loop when there is room again.
  private let onRoom: @Sendable () -> Void

  init(channel: any Channel, onRoom: @escaping @Sendable () -> Void) {
    self.channel = channel
    self.onRoom = onRoom
    progressAt = Atomic(NIODeadline.now().uptimeNanoseconds)
  }

  var waitingBytes: Int { waiting.load(ordering: .relaxed) }
  var hasRoom: Bool { waiting.load(ordering: .relaxed) < Self.room && channel.isActive }

  /// For how long the other end took nothing of what waits, in nanoseconds.
  func stalled(now: UInt64) -> UInt64 {
    let since = progressAt.load(ordering: .relaxed)
    return waiting.load(ordering: .relaxed) == 0 || now < since ? 0 : now - since
  }

  /// One message. It waits for as long as the other end takes: ask ``hasRoom`` first where many follow each other.
  func send(_ json: [UInt8]) {
    if waiting.add(json.count, ordering: .relaxed).oldValue == 0 {
      progressAt.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed)
    }
    let frame = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(bytes: json))
    channel.writeAndFlush(frame).whenComplete { [self] _ in
      progressAt.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed)
      let (before, after) = waiting.subtract(json.count, ordering: .relaxed)
      if before >= Self.room, after < Self.room { onRoom() }
    }
  }

  /// Says why and closes; does not wait for the other end for longer than a second.
  func close(_ code: WebSocketErrorCode) async {
    var data = ByteBuffer()
    data.write(webSocketErrorCode: code)
    let channel = channel
    let frame = WebSocketFrame(fin: true, opcode: .connectionClose, data: data)
    let closed: EventLoopFuture<Void> = channel.writeAndFlush(frame)
    let timeout = channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    try? await closed.get()
    timeout.cancel()
    try? await channel.close()
  }
}
