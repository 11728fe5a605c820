internal import Glibc

/// An IP address as 128 bits, big endian; IPv4 as `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2), so that both kinds compare alike.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The four bytes of an IPv4 address, the first in the highest bits.
  @inlinable
  package init(v4 bits: UInt32) {
    self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(bits))
  }

  /// `nil` unless the text is an IPv4 address in four decimal parts or an IPv6 address without brackets and zone.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
    var bytes: (UInt64, UInt64) = (0, 0)
    let family = text.contains(":") ? AF_INET6 : AF_INET
    // inet_pton writes 4 or 16 bytes, which the 16 bytes of the pair hold; the text has no NUL but the one that String adds.
    let parsed = unsafe withUnsafeMutableBytes(of: &bytes) { buffer in
      unsafe String(text).withCString { unsafe inet_pton(family, $0, buffer.baseAddress) } == 1
    }
    guard parsed else { return nil }
    if family == AF_INET {
      self.init(v4: UInt32(truncatingIfNeeded: bytes.0).bigEndian)
    } else {
      self.init(high: bytes.0.bigEndian, low: bytes.1.bigEndian)
    }
  }

  /// The same of bytes, without allocating.
  package init?(octets: RawSpan) {
    guard octets.byteCount > 0, octets.byteCount <= 45 else { return nil }
    // Longer than any address, so that the last one is NUL.
    var text = InlineArray<48, CChar>(repeating: 0)
    var isV6 = false
    for index in 0..<octets.byteCount {
      // Any byte is a valid Int8, and the offset is checked by the callee.
      let byte = unsafe octets.unsafeLoad(fromByteOffset: index, as: CChar.self)
      guard byte != 0 else { return nil }
      isV6 = isV6 || byte == 0x3A
      text[index] = byte
    }
    var bytes: (UInt64, UInt64) = (0, 0)
    let family = isV6 ? AF_INET6 : AF_INET
    // inet_pton reads up to the NUL and writes 4 or 16 bytes, which the 16 bytes of the pair hold.
    let parsed = unsafe withUnsafeMutableBytes(of: &bytes) { buffer in
      unsafe withUnsafeBytes(of: &text) { text in
        unsafe inet_pton(family, text.baseAddress.map { unsafe $0.assumingMemoryBound(to: CChar.self) }, buffer.baseAddress) == 1
      }
    }
    guard parsed else { return nil }
    if isV6 {
      self.init(high: bytes.0.bigEndian, low: bytes.1.bigEndian)
    } else {
      self.init(v4: UInt32(truncatingIfNeeded: bytes.0).bigEndian)
    }
  }

  package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

  /// 127.0.0.0/8 and ::1.
  package var isLoopback: Bool { isIPv4 ? (low >> 24) & 0xFF == 127 : high == 0 && low == 1 }

  package var description: String {
    if isIPv4 { return [24, 16, 8, 0].map { "\((low >> $0) & 0xFF)" }.joined(separator: ".") }
    let groups = [high, low].flatMap { half in [48, 32, 16, 0].map { (half >> $0) & 0xFFFF } }
    // RFC 5952: the longest run of zero groups, the first of equals, two at least, becomes "::".
    var best = 0..<0
    var start = 0
    for index in 0...groups.count where index == groups.count || groups[index] != 0 {
      if index - start > max(best.count, 1) { best = start..<index }
      start = index + 1
    }
    let texts = groups.map { String($0, radix: 16) }
    guard !best.isEmpty else { return texts.joined(separator: ":") }
    return texts[..<best.lowerBound].joined(separator: ":") + "::" + texts[best.upperBound...].joined(separator: ":")
  }
}

/// A range of IP addresses in CIDR notation: `10.0.0.0/8`, `fd00::/8`; an address alone is a range of one.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  package let base: IPAddress
  /// 0 to 128, counted on the IPv6 form: an IPv4 `/8` is 104.
  package let prefixLength: Int

  /// Throws on host bits behind the prefix (`10.1.0.0/8`): one of the two numbers is then a mistake.
  package init(text: some StringProtocol) throws(MalformedValue) {
    let malformed = MalformedValue(text, isNot: "an address range", like: "10.0.0.0/8, fd00::/8, 192.0.2.1")
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(parts[0]) else { throw malformed }
    let width = parts[0].contains(":") ? 128 : 32
    var length = width
    if parts.count == 2 {
      guard let given = HostPort.port(parts[1]), given <= width else { throw malformed }
      length = given
    }
    base = address
    prefixLength = 128 - width + length
    let (high, low) = Self.masks(prefixLength)
    guard base.high & ~high == 0, base.low & ~low == 0 else {
      throw MalformedValue("\"\(text.escapedForDisplay)\" has address bits behind its prefix")
    }
  }

  @inlinable
  package func contains(_ address: IPAddress) -> Bool {
    let (high, low) = Self.masks(prefixLength)
    return address.high & high == base.high && address.low & low == base.low
  }

  @inlinable
  package static func masks(_ prefixLength: Int) -> (high: UInt64, low: UInt64) {
    // Smart shifts: by 64 or more gives 0, by a negative number shifts the other way, so both ends are clamped.
    (~(UInt64.max >> UInt64(min(prefixLength, 64))), ~(UInt64.max >> UInt64(max(prefixLength - 64, 0))))
  }

  package var description: String {
    base.isIPv4 && prefixLength >= 96 ? "\(base)/\(prefixLength - 96)" : "\(base)/\(prefixLength)"
  }
}
