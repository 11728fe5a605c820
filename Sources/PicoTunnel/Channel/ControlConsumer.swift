internal import NIOCore

/// The consumer of the control stream.
final class ControlConsumer: StreamConsumer {
  unowned let tunnel: TunnelHandler
  var stream: TunnelStream?
  private var decoder = ControlDecoder()

  init(_ tunnel: TunnelHandler) { self.tunnel = tunnel }

  func streamDidReceive(_ bytes: ByteBuffer) {
    do throws(ControlFault) {
      let now = tunnel.loop.now()
      let messages = try unsafe bytes.withUnsafeReadableBytes { (raw) throws(ControlFault) in unsafe try decoder.decode(raw, now: now) }
      stream?.consumed(bytes.readableBytes)
      tunnel.receiveControl(messages)
    } catch {
      tunnel.end(.control(error))
    }
  }

  func streamDidEnd() {
    let stream = stream
    self.stream = nil
    stream?.reset(.cancelled)
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) { stream = nil }

  func streamDidBecomeWritable() {}
}
