package import NIOCore

/// What nodes talk about with each other. A node that does not know a topic refuses its stream with `not-sent`, as one of an older version
/// refuses every conversation.
package enum LinkTopic: String, Sendable, CaseIterable {
  /// Rows of the status protocol, and requests as they come.
  case status
  /// What an operator wants done with listeners, and blocks.
  case actions
  /// Which endpoints a node has, while the store cannot tell.
  case routes
}

/// Cuts a conversation into messages: 4 bytes of length, big endian, then so many of JSON. Source: docs/protocol.md, "Links".
package struct LinkMessages: Sendable {
  /// A whole table of a large node is one message.
  package static let maximumLength = 64 << 20

  /// The other node sends what no node sends.
  package struct TooLong: Error, Equatable {}

  private var buffer = ByteBuffer()

  package init() {}

  /// Takes more bytes.
  package mutating func append(_ bytes: ByteBuffer) {
    // Here and not behind each message: what is left is moved once, however many small messages came together.
    buffer.discardReadBytes()
    buffer.writeImmutableBuffer(bytes)
  }

  /// The next message, without its length; nil when it is not whole.
  package mutating func next() throws(TooLong) -> ByteBuffer? {
    guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
    guard length <= Self.maximumLength else { throw TooLong() }
    guard buffer.readableBytes >= 4 + Int(length) else { return nil }
    buffer.moveReaderIndex(forwardBy: 4)
    let message = buffer.readSlice(length: Int(length))
    if buffer.readableBytes == 0 { buffer = ByteBuffer() }
    return message
  }

  /// A message with its length before it.
  package static func frame(_ message: [UInt8]) -> [UInt8] {
    let length = UInt32(message.count)
    return [UInt8(length >> 24), UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)] + message
  }
}
