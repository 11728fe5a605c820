/// Reads a WebSocket byte stream piece by piece and says where the payload lies; copies nothing but control frames.
///
/// ```
/// header ──▶ data payload ──▶ header …
///    └─────▶ control payload (at most 125 bytes, gathered) ──▶ header …
/// ```
/// Source: RFC 6455 section 5. No extension is understood, so any reserved bit ends the connection. Continuation frames are
/// accepted, as message boundaries mean nothing to a tunnel.
package struct WebSocketFrameDecoder: Sendable {
  package enum Event: Equatable, Sendable {
    /// All bytes given were used; the frame goes on in the next ones.
    case needsMore
    /// `count` bytes of data payload begin at `offset`; XOR with `mask` (already turned to fit) if there is one.
    case payload(offset: Int, count: Int, mask: WebSocketMask?)
    /// A data frame without payload.
    case empty
    case ping
    case pong
    case close
    case fault(WebSocketFault)
  }

  /// Whether the other side must mask: true on the server.
  package let expectsMask: Bool
  /// A data frame may announce at most this many bytes.
  package let maximumFrame: Int

  /// The payload of the control frame that the last event named, unmasked: at most 125 bytes.
  package private(set) var controlPayload: [UInt8] = []

  private var header: (UInt64, UInt64) = (0, 0)
  private var headerCount = 0
  private var headerLength = 2
  private var remaining = 0
  private var mask: WebSocketMask?
  private var opcode = WebSocketOpcode.binary
  private var isInPayload = false
  private var isInMessage = false

  package init(expectsMask: Bool, maximumFrame: Int = 16 << 20) {
    self.expectsMask = expectsMask
    self.maximumFrame = maximumFrame
  }

  /// Reads on from `position` and moves it past what was used. Call until `needsMore` or `fault`.
  package mutating func next(_ bytes: UnsafeRawBufferPointer, position: inout Int) -> Event {
    while true {
      if isInPayload {
        let count = min(remaining, bytes.count &- position)
        if opcode.isControl {
          unsafe gatherControl(bytes, at: position, count: count)
          position &+= count
          guard remaining == 0 else { return .needsMore }
          isInPayload = false
          switch opcode {
          case .ping: return .ping
          case .pong: return .pong
          default: return .close
          }
        }
        guard count > 0 else { return .needsMore }
        let event = Event.payload(offset: position, count: count, mask: mask)
        position &+= count
        remaining &-= count
        if remaining == 0 { isInPayload = false } else { mask = mask?.advanced(by: count) }
        return event
      }
      while headerCount < headerLength {
        guard position < bytes.count else { return .needsMore }
        appendHeaderByte(unsafe bytes[position])
        position &+= 1
        if headerCount == 2, let fault = readFirstBytes() { return .fault(fault) }
      }
      if let fault = finishHeader() { return .fault(fault) }
      if !isInPayload { return .empty }
    }
  }

  @inline(__always)
  private mutating func appendHeaderByte(_ byte: UInt8) {
    if headerCount < 8 {
      header.0 = (header.0 << 8) | UInt64(byte)
    } else {
      header.1 = (header.1 << 8) | UInt64(byte)
    }
    headerCount &+= 1
  }

  /// The header's byte at `index`, of those read.
  @inline(__always)
  private func headerByte(_ index: Int) -> UInt8 {
    if index < 8 {
      let have = min(headerCount, 8)
      return UInt8(truncatingIfNeeded: header.0 >> UInt64((have &- 1 &- index) &* 8))
    }
    return UInt8(truncatingIfNeeded: header.1 >> UInt64((headerCount &- 1 &- index) &* 8))
  }

  private mutating func readFirstBytes() -> WebSocketFault? {
    let first = headerByte(0)
    let second = headerByte(1)
    guard first & 0x70 == 0, let code = WebSocketOpcode(rawValue: first & 0x0F) else { return .protocolError }
    let isMasked = second & 0x80 != 0
    guard isMasked == expectsMask else { return .protocolError }
    let length = second & 0x7F
    let isFinal = first & 0x80 != 0
    if code.isControl {
      guard isFinal, length < 126 else { return .protocolError }
    } else {
      guard code != .text else { return .unsupportedData }
      guard (code == .continuation) == isInMessage else { return .protocolError }
      isInMessage = !isFinal
    }
    opcode = code
    headerLength = 2 &+ (length < 126 ? 0 : length == 126 ? 2 : 8) &+ (isMasked ? 4 : 0)
    return nil
  }

  private mutating func finishHeader() -> WebSocketFault? {
    let short = headerByte(1) & 0x7F
    var length = UInt64(short)
    var offset = 2
    if short == 126 {
      length = UInt64(headerByte(2)) << 8 | UInt64(headerByte(3))
      offset = 4
      guard length >= 126 else { return .protocolError }
    } else if short == 127 {
      length = 0
      for index in 2..<10 { length = length << 8 | UInt64(headerByte(index)) }
      offset = 10
      guard length > 0xFFFF, length >> 63 == 0 else { return .protocolError }
    }
    guard length <= UInt64(maximumFrame) else { return .messageTooBig }
    if expectsMask {
      var word: UInt32 = 0
      for index in 0..<4 { word |= UInt32(headerByte(offset &+ index)) << UInt32(index &* 8) }
      mask = WebSocketMask(word: word)
    }
    remaining = Int(length)
    header = (0, 0)
    headerCount = 0
    headerLength = 2
    if opcode.isControl {
      controlPayload.removeAll(keepingCapacity: true)
      isInPayload = true
    } else {
      isInPayload = remaining > 0
    }
    return nil
  }

  private mutating func gatherControl(_ bytes: UnsafeRawBufferPointer, at position: Int, count: Int) {
    for index in 0..<count {
      let key = mask.map { UInt8(truncatingIfNeeded: $0.advanced(by: index).word) } ?? 0
      controlPayload.append(unsafe bytes[position &+ index] ^ key)
    }
    mask = mask?.advanced(by: count)
    remaining &-= count
  }
}
