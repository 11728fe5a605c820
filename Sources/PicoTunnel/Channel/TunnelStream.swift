internal import NIOCore

/// A stream of a tunnel on the tunnel's own loop. Objects are used again for later streams of the same tunnel.
package final class TunnelStream: ByteStream {
  unowned let tunnel: TunnelHandler
  package var consumer: (any StreamConsumer)?
  var slot = -1
  /// Bytes that neither the window nor the socket would take yet.
  var pending: ByteBuffer?
  var isEndPending = false
  var isPaused = false
  var wasWritten = false
  /// The first half of a note whose second one has not come.
  var noteHalf: UInt32?
  /// Rises with each use of the object, so that bytes for an ended stream are not given to the next one.
  private(set) var generation: UInt32 = 0

  /// Above this many waiting bytes a writer is asked to pause; below the low mark it may go on.
  static let highMark = 64 << 10
  static let lowMark = 16 << 10

  init(tunnel: TunnelHandler) { self.tunnel = tunnel }

  package var isOpen: Bool { slot >= 0 }

  package var id: UInt32 { slot >= 0 ? tunnel.streamID(slot) : 0 }

  /// The peer took the stream.
  package var isAcknowledged: Bool { slot >= 0 && tunnel.machine.isAcknowledged(slot) }

  package func write(_ bytes: UnsafeRawBufferPointer, end: Bool) -> Bool {
    guard slot >= 0 else { return true }
    return unsafe tunnel.write(self, bytes, end: end)
  }

  package func reset(_ code: StreamResetCode) {
    guard slot >= 0 else { return }
    tunnel.reset(self, code: code)
  }

  package func consumed(_ count: Int) {
    guard slot >= 0, count > 0 else { return }
    tunnel.consumed(self, count: count)
  }

  package func acknowledge() {
    guard slot >= 0 else { return }
    tunnel.acknowledge(self)
  }

  /// Tells the node that opened the stream of a link something about it. Only to one that takes notes.
  package func note(_ bits: UInt64) {
    guard slot >= 0 else { return }
    tunnel.note(self, bits)
  }

  func clear() {
    slot = -1
    generation &+= 1
    consumer = nil
    pending = nil
    isEndPending = false
    isPaused = false
    wasWritten = false
    noteHalf = nil
  }
}
