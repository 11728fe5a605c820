/// Cuts the control stream into messages: 4 bytes of length, big endian, then that many bytes of JSON.
package struct ControlDecoder: Sendable {
  private var buffer: [UInt8] = []
  private var windowStart: UInt64 = 0
  private var windowCount = 0

  package init() {}

  /// Takes more bytes; `now` in nanoseconds, for the rate limit.
  /// - Throws: ``ControlFault`` for a length over the limit, too many messages in one second, or a message that cannot be read.
  package mutating func decode(_ bytes: UnsafeRawBufferPointer, now: UInt64) throws(ControlFault) -> [ControlMessage] {
    unsafe buffer.append(contentsOf: bytes)
    var messages: [ControlMessage] = []
    var position = 0
    while buffer.count - position >= 4 {
      let length = buffer[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= ControlMessage.maximumLength else { throw .tooLong }
      guard buffer.count - position - 4 >= length else { break }
      try count(now: now)
      messages.append(try ControlMessage(decoding: Array(buffer[position + 4..<position + 4 + length])))
      position += 4 + length
    }
    // Messages are rare, and thousands of tunnels idle.
    if position == buffer.count { buffer = [] } else { buffer.removeFirst(position) }
    return messages
  }

  private mutating func count(now: UInt64) throws(ControlFault) {
    if now &- windowStart >= 1_000_000_000 {
      windowStart = now
      windowCount = 0
    }
    windowCount += 1
    guard windowCount <= ControlMessage.maximumRate else { throw .tooMany }
  }

  /// The bytes of a message with its length before it.
  package static func frame(_ message: ControlMessage) -> [UInt8] {
    let body = message.encoded()
    let length = UInt32(body.count)
    return [UInt8(length >> 24), UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)] + body
  }
}
