import PicoTunnel

/// Reads frames from the whole, straight down RFC 6455 section 5.2.
struct ReferenceFrames {
  private(set) var reading = FrameReading()
  private var rest: ArraySlice<UInt8>
  private var isInMessage = false

  init(_ bytes: [UInt8], expectsMask: Bool, maximumFrame: Int) {
    rest = bytes[...]
    while reading.fault == nil, readFrame(expectsMask, maximumFrame) {}
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard rest.count >= count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

  private mutating func fail(_ fault: WebSocketFault) -> Bool {
    reading.fault = fault
    return false
  }

  /// False at the end of the bytes or at a fault.
  private mutating func readFrame(_ expectsMask: Bool, _ maximumFrame: Int) -> Bool {
    guard let start = take(2), let first = start.first, let second = start.last else { return false }
    let opcode = first & 15
    let isFinal = first >= 128
    guard first & 0b0111_0000 == 0, [0, 1, 2, 8, 9, 10].contains(opcode), (second >= 128) == expectsMask else {
      return fail(.protocolError)
    }
    let short = second & 127
    if opcode >= 8 {
      guard isFinal, short <= 125 else { return fail(.protocolError) }
    } else {
      guard opcode != 1 else { return fail(.unsupportedData) }
      guard (opcode == 0) == isInMessage else { return fail(.protocolError) }
      isInMessage = !isFinal
    }
    var length = UInt64(short)
    let extra = short < 126 ? 0 : short == 126 ? 2 : 8
    // The key belongs to the header: a length is judged once all of it is there.
    guard let long = take(extra), let key = take(expectsMask ? 4 : 0).map(Array.init) else { return false }
    if extra > 0 { length = Self.number(long) }
    guard extra != 2 || length >= 126, extra != 8 || (length > 65535 && length < 1 << 63) else { return fail(.protocolError) }
    guard length <= UInt64(maximumFrame) else { return fail(.messageTooBig) }
    let part = rest.prefix(Int(length))
    rest = rest.dropFirst(Int(length))
    let plain = part.enumerated().map { expectsMask ? $1 ^ key[$0 % 4] : $1 }
    if opcode >= 8 {
      guard part.count == Int(length) else { return false }
      reading.controls.append([opcode] + plain)
    } else {
      reading.payload += plain
      if length == 0 { reading.empties += 1 }
    }
    return part.count == Int(length)
  }
}
