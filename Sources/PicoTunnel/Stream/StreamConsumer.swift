package import NIOCore

/// Whoever uses a ``ByteStream``: told what arrives on it, on the loop of the consumer.
package protocol StreamConsumer: AnyObject {
  /// Bytes of the peer, in order. They stay counted against the stream's window until ``ByteStream/consumed(_:)``.
  func streamDidReceive(_ bytes: ByteBuffer)

  /// The peer sends no more (FIN). If our side ended already, the stream is over and must be let go.
  func streamDidEnd()

  /// The stream is gone: reset by the peer or lost with its session. Let it go; nothing more will be called. The code is `notSent` also
  /// where the peer refused the stream, or the session ended before a byte of it was written.
  /// - Parameter wasAcknowledged: the peer had taken the stream.
  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool)

  /// What was waiting to be sent fell below the low mark, after ``ByteStream/write(_:end:)`` had returned false.
  func streamDidBecomeWritable()

  /// What the other node has to say of a hop beside its bytes: the bits of the ``ListenerID`` that has it now.
  func streamDidReceiveNote(_ bits: UInt64)
}

extension StreamConsumer {
  package func streamDidReceiveNote(_ bits: UInt64) {}
}

/// One stream of a tunnel as its user sees it, here or on another loop or node: something that bytes can be written to.
///
/// After a reset, or when both sides ended, the stream belongs to its session again and must not be used.
package protocol ByteStream: AnyObject {
  /// Who is told what arrives; may be replaced, as when an exchange is over before its stream.
  var consumer: (any StreamConsumer)? { get set }

  /// Queues bytes for the peer; `end` ends our side behind them. False when the writer should pause until
  /// ``StreamConsumer/streamDidBecomeWritable()``; the bytes are taken either way.
  func write(_ bytes: UnsafeRawBufferPointer, end: Bool) -> Bool

  /// Ends the stream at once, both ways.
  func reset(_ code: StreamResetCode)

  /// `count` received bytes were passed on and may be replaced by new ones.
  func consumed(_ count: Int)

  /// Tells the peer that its stream was taken, if nothing has yet.
  func acknowledge()
}
