/// Reading a head in place. Every access is bounds-checked by `RawSpan`; a wrong offset is our bug and never over-reads.
extension RawSpan {
  @inline(__always)
  package func byte(_ offset: Int) -> UInt8 {
    // Any byte is a valid UInt8, and the offset is checked by the callee.
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// Eight bytes, the first one in the lowest bits.
  @inline(__always)
  package func word(_ offset: Int) -> UInt64 {
    // Any pattern is a valid UInt64, and the offset is checked by the callee.
    UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// Offset of the first byte in `from..<to` that cannot be inside a field value: a control character but HTAB, or DEL; else `to`.
  @inline(__always)
  package func endOfFieldText(from: Int, to: Int) -> Int {
    var offset = from
    while offset < to {
      if offset + 8 <= to {
        let hits = Octets.controls(in: word(offset))
        guard hits != 0 else {
          offset += 8
          continue
        }
        offset += hits.trailingZeroBitCount &>> 3
        if byte(offset) != Octets.tab { return offset }
      } else {
        let octet = byte(offset)
        if octet < 0x20 && octet != Octets.tab || octet == 0x7f { return offset }
      }
      offset += 1
    }
    return to
  }

  /// Offset of the first byte in `from..<to` that is no token character, else `to`. Names are mostly letters and hyphens, which go by eights.
  @inline(__always)
  package func endOfToken(from: Int, to: Int) -> Int {
    var offset = from
    while offset < to {
      if offset + 8 <= to {
        let others = Octets.neitherLetterNorHyphen(in: word(offset))
        guard others != 0 else {
          offset += 8
          continue
        }
        offset += others.trailingZeroBitCount &>> 3
      }
      guard OctetSet.token.contains(byte(offset)) else { return offset }
      offset += 1
    }
    return to
  }

  /// Offset of the first line feed in `from..<to`.
  func firstLineFeed(from: Int, to: Int) -> Int? {
    var offset = from
    while offset + 8 <= to {
      let different = word(offset) ^ (Octets.ones &* UInt64(Octets.lineFeed))
      let hits = (different &- Octets.ones) & ~different & (Octets.ones &<< 7)
      if hits != 0 { return offset + hits.trailingZeroBitCount &>> 3 }
      offset += 8
    }
    while offset < to {
      if byte(offset) == Octets.lineFeed { return offset }
      offset += 1
    }
    return nil
  }

  /// Whether the bytes at `start`, which are token characters and lie inside, equal `lower` without regard to ASCII case.
  @inline(__always)
  func equalsFolded(at start: Int, _ lower: StaticString) -> Bool {
    // The literals are ASCII text with a pointer, and are read inside their length only.
    let expected = unsafe UnsafeRawPointer(lower.utf8Start)
    let count = lower.utf8CodeUnitCount
    if count >= 8 {
      var offset = 0
      while true {
        let literal = UInt64(littleEndian: unsafe expected.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        if word(start + offset) | (Octets.ones &* 0x20) != literal { return false }
        if offset + 8 == count { return true }
        offset = Swift.min(offset + 8, count - 8)
      }
    }
    for offset in 0..<count where byte(start + offset) | 0x20 != (unsafe expected.load(fromByteOffset: offset, as: UInt8.self)) {
      return false
    }
    return true
  }

  /// The whole slice equals `lower`, which is lower case, without regard to ASCII case.
  @inline(__always)
  package func equals(_ slice: HeadSlice, folded lower: StaticString) -> Bool {
    Int(slice.count) == lower.utf8CodeUnitCount && equalsFolded(at: Int(slice.start), lower)
  }

  /// Two slices equal each other without regard to ASCII case.
  func equalsFolded(_ one: HeadSlice, _ other: HeadSlice) -> Bool {
    guard one.count == other.count else { return false }
    for offset in 0..<Int(one.count)
    where Octets.lowercased(byte(Int(one.start) + offset)) != Octets.lowercased(byte(Int(other.start) + offset)) {
      return false
    }
    return true
  }
}

/// Octets that have names, and tests of eight of them at once.
enum Octets {
  static var tab: UInt8 { 0x09 }
  static var lineFeed: UInt8 { 0x0a }
  static var carriageReturn: UInt8 { 0x0d }
  static var space: UInt8 { 0x20 }
  static var ones: UInt64 { 0x0101_0101_0101_0101 }

  /// The high bit of each byte below 0x20 or equal to 0x7f; only the lowest bit that is set is certain.
  @inline(__always)
  static func controls(in word: UInt64) -> UInt64 {
    let different = word ^ (ones &* 0x7f)
    let below = (word &- (ones &* 0x20)) & ~word
    let deletes = (different &- ones) & ~different
    return (below | deletes) & (ones &<< 7)
  }

  /// The high bit of each byte that is neither an ASCII letter nor a hyphen; every bit is certain.
  @inline(__always)
  static func neitherLetterNorHyphen(in word: UInt64) -> UInt64 {
    // Seven bits a byte, so that no sum carries into the next one.
    let low = ones &* 0x7f
    let letter = (word | ones &* 0x20) & low
    let isLetter = (letter &+ ones &* (0x80 - 0x61)) & ~(letter &+ ones &* (0x7f - 0x7a))
    let different = word ^ (ones &* 0x2d)
    let isHyphen = ~(((different & low) &+ low) | different)
    return ~(isLetter & ~word | isHyphen) & (ones &<< 7)
  }

  @inline(__always)
  static func isDigit(_ octet: UInt8) -> Bool { octet &- 0x30 < 10 }

  @inline(__always)
  static func isBlank(_ octet: UInt8) -> Bool { octet == space || octet == tab }

  @inline(__always)
  static func lowercased(_ octet: UInt8) -> UInt8 { octet &- 0x41 < 26 ? octet | 0x20 : octet }

  @inline(__always)
  static func hexValue(_ octet: UInt8) -> UInt8? {
    if isDigit(octet) { return octet &- 0x30 }
    let letter = (octet | 0x20) &- 0x61
    return letter < 6 ? letter + 10 : nil
  }
}
