import PicoTunnel
import Testing

@Suite struct WebSocketFrameDecoderTests {
  static let key: [UInt8] = [0xA1, 0x02, 0xFF, 0x37]

  /// A stream with every kind of frame that is allowed, masked as asked, and what it means.
  static func everything(_ key: [UInt8]?) -> (bytes: [UInt8], meaning: DecodedFrames) {
    typealias W = WebSocketSample
    var meaning = DecodedFrames([], expectsMask: key != nil)
    let bodies = [W.ramp(1), W.ramp(125), W.ramp(126), W.ramp(300), W.ramp(7)]
    meaning.payload = bodies.flatMap { $0 }
    meaning.pings = [[], W.ramp(125)]
    meaning.pongs = [[9, 8, 7]]
    meaning.closes = [[0x03, 0xE8, 0x62, 0x79, 0x65]]
    meaning.empties = 2
    let bytes =
      W.frame(2, bodies[0], key: key) + W.frame(9, [], key: key) + W.frame(2, bodies[1], key: key) + W.frame(2, [], key: key)
      // A message in three frames with control frames between them, the last frame empty.
      + W.frame(2, bodies[2], isFinal: false, key: key) + W.frame(9, W.ramp(125), key: key)
      + W.frame(0, bodies[3], isFinal: false, key: key) + W.frame(10, [9, 8, 7], key: key) + W.frame(0, [], key: key)
      + W.frame(2, bodies[4], key: key) + W.frame(8, [0x03, 0xE8, 0x62, 0x79, 0x65], key: key)
    return (bytes, meaning)
  }

  @Test(arguments: [nil, key])
  func `means the same wherever it is split`(key: [UInt8]?) {
    let (bytes, meaning) = Self.everything(key)
    #expect(DecodedFrames([bytes], expectsMask: key != nil) == meaning)
    #expect(DecodedFrames(bytes.map { [$0] }, expectsMask: key != nil) == meaning)
    for split in 0...bytes.count {
      let chunks = [Array(bytes[..<split]), Array(bytes[split...])]
      #expect(DecodedFrames(chunks, expectsMask: key != nil) == meaning, "split at \(split)")
    }
  }

  @Test(arguments: 0..<50)
  func `means the same in seeded pieces`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let (bytes, meaning) = Self.everything(Self.key)
    var chunks: [[UInt8]] = []
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + random.below(40))
      chunks.append(Array(bytes[start..<end]))
      start = end
    }
    #expect(DecodedFrames(chunks, expectsMask: true) == meaning)
  }

  @Test(arguments: [0xFFFF, 0x10000, 100_000])
  func `reads long frames in both long forms`(count: Int) {
    let payload = WebSocketSample.ramp(count)
    let frames = DecodedFrames([WebSocketSample.frame(2, payload, key: Self.key)], expectsMask: true)
    #expect(frames.fault == nil)
    #expect(frames.payload == payload)
  }

  struct Fault: Sendable {
    let what: String
    let bytes: [UInt8]
    var expectsMask = false
    var fault = WebSocketFault.protocolError
  }

  typealias W = WebSocketSample
  static let faults: [Fault] = [
    Fault(what: "first reserved bit", bytes: W.frame(2, [1], reserved: 4)),
    Fault(what: "second reserved bit", bytes: W.frame(2, [1], reserved: 2)),
    Fault(what: "third reserved bit", bytes: W.frame(2, [1], reserved: 1)),
    Fault(what: "reserved bit on a ping", bytes: W.frame(9, [], reserved: 4)),
    Fault(what: "opcode 3", bytes: W.frame(3, [])),
    Fault(what: "opcode 7", bytes: W.frame(7, [])),
    Fault(what: "opcode 11", bytes: W.frame(11, [])),
    Fault(what: "opcode 15", bytes: W.frame(15, [])),
    Fault(what: "text", bytes: W.frame(1, [65]), fault: .unsupportedData),
    Fault(what: "text inside a message", bytes: W.frame(2, [1], isFinal: false) + W.frame(1, [65]), fault: .unsupportedData),
    Fault(what: "continuation of nothing", bytes: W.frame(0, [1])),
    Fault(what: "continuation behind a whole message", bytes: W.frame(2, [1]) + W.frame(0, [1])),
    Fault(what: "new message inside a message", bytes: W.frame(2, [1], isFinal: false) + W.frame(2, [1])),
    Fault(what: "fragmented ping", bytes: W.frame(9, [], isFinal: false)),
    Fault(what: "fragmented close", bytes: W.frame(8, [], isFinal: false)),
    Fault(what: "ping of 126 bytes", bytes: W.frame(9, W.ramp(126))),
    Fault(what: "ping in the long form", bytes: W.frame(9, [1], form: .eight)),
    Fault(what: "masked where it must not be", bytes: W.frame(2, [1], key: key)),
    Fault(what: "unmasked where it must be masked", bytes: W.frame(2, [1]), expectsMask: true),
    Fault(what: "unmasked ping where it must be masked", bytes: W.frame(9, []), expectsMask: true),
    Fault(what: "125 bytes in the two byte form", bytes: W.frame(2, W.ramp(125), form: .two)),
    Fault(what: "65535 bytes in the eight byte form", bytes: W.frame(2, [], form: .eight, announced: 0xFFFF)),
    Fault(what: "length with the top bit", bytes: W.frame(2, [], form: .eight, announced: 1 << 63)),
    Fault(what: "longest length", bytes: W.frame(2, [], form: .eight, announced: .max)),
    Fault(what: "one byte over the limit", bytes: W.frame(2, [], announced: 16 << 20 + 1), fault: .messageTooBig),
    Fault(what: "longest length without the top bit", bytes: W.frame(2, [], announced: .max >> 1), fault: .messageTooBig),
  ]

  @Test(arguments: faults)
  func `refuses what breaks the rules`(fault: Fault) {
    #expect(DecodedFrames([fault.bytes], expectsMask: fault.expectsMask).fault == fault.fault, "\(fault.what)")
    #expect(DecodedFrames(fault.bytes.map { [$0] }, expectsMask: fault.expectsMask).fault == fault.fault, "\(fault.what), byte by byte")
  }

  @Test func `takes a frame of exactly the limit`() {
    #expect(DecodedFrames([W.frame(2, W.ramp(200))], expectsMask: false, maximumFrame: 200).payload == W.ramp(200))
    #expect(DecodedFrames([W.frame(2, W.ramp(201))], expectsMask: false, maximumFrame: 200).fault == .messageTooBig)
  }

  @Test(arguments: [0, 1, 125, 126, 127, 0xFFFF, 0x10000, 70_000], [nil, WebSocketMask(word: 0x1234_5678)])
  func `reads the headers that we write`(count: Int, mask: WebSocketMask?) {
    let length = WebSocketFrameHeader.length(payload: count, masked: mask != nil)
    var bytes = [UInt8](repeating: 0xEE, count: length + count)
    // The array has the header's length and the payload's.
    unsafe bytes.withUnsafeMutableBytes { raw in
      guard let start = raw.baseAddress else { return }
      unsafe WebSocketFrameHeader.write(opcode: .binary, payload: count, mask: mask, to: start)
      if let mask { unsafe mask.apply(from: start + length, to: start + length, count: count) }
    }
    #expect(length <= WebSocketFrameHeader.maximumLength)
    let frames = DecodedFrames([bytes], expectsMask: mask != nil)
    #expect(frames.fault == nil)
    #expect(frames.payload == [UInt8](repeating: 0xEE, count: count))
    #expect(frames.empties == (count == 0 ? 1 : 0))
  }
}
