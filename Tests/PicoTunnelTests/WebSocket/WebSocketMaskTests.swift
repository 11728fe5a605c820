import PicoTunnel
import Testing

@Suite struct WebSocketMaskTests {
  static let key: [UInt8] = [0x01, 0x80, 0x7F, 0xFE]
  static let mask = WebSocketMask(word: 0xFE7F_8001)

  static func loop(_ bytes: ArraySlice<UInt8>, turned: Int = 0) -> [UInt8] {
    bytes.enumerated().map { $1 ^ key[($0 + turned) & 3] }
  }

  @Test(arguments: 0..<40)
  func `agrees with a byte loop at every alignment and length`(start: Int) {
    let source = WebSocketSample.ramp(160)
    for count in 0...(source.count - start) {
      var result = [UInt8](repeating: 0, count: source.count + 1)
      // Both arrays have `start + count` bytes and more.
      unsafe source.withUnsafeBytes { from in
        unsafe result.withUnsafeMutableBytes { to in
          guard let from = from.baseAddress, let to = to.baseAddress else { return }
          unsafe Self.mask.apply(from: from + start, to: to + start + 1, count: count)
        }
      }
      #expect(Array(result[(start + 1)..<(start + 1 + count)]) == Self.loop(source[start..<(start + count)]))
      #expect(result[(start + 1 + count)...].allSatisfy { $0 == 0 }, "wrote past \(count) bytes")
      #expect(result[...start].allSatisfy { $0 == 0 }, "wrote before its start")
    }
  }

  @Test func `masks in place and twice is nothing`() {
    let source = WebSocketSample.ramp(101)
    var bytes = source
    for expected in [Self.loop(source[...]), source] {
      // One region for both, of the array's length.
      unsafe bytes.withUnsafeMutableBytes { raw in
        guard let start = raw.baseAddress else { return }
        unsafe Self.mask.apply(from: start, to: start, count: raw.count)
      }
      #expect(bytes == expected)
    }
  }

  @Test(arguments: 0..<9)
  func `turns with the bytes that were taken`(taken: Int) {
    let source = WebSocketSample.ramp(40)
    var bytes = source
    // The region lies inside the array.
    unsafe bytes.withUnsafeMutableBytes { raw in
      guard let start = raw.baseAddress else { return }
      unsafe Self.mask.advanced(by: taken).apply(from: start, to: start, count: raw.count)
    }
    #expect(bytes == Self.loop(source[...], turned: taken))
  }
}
