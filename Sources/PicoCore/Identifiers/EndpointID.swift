/// What requests are routed to: a name, of one tenant. The name is in its canonical form: 1 to 128 bytes of `a-z 0-9 . _ ~ -`, where `A-Z` in
/// what was given became `a-z`. Neither `.` nor `..` is an endpoint, so a name can stand in a path. Source: docs/protocol.md, "Endpoint".
package struct EndpointID: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Lower case, ASCII, at most 128 bytes.
  package let name: String
  package let tenant: TenantID

  /// The most bytes a name has.
  package static let maximumLength = 128

  /// `nil` unless `text` is an endpoint name in either case.
  package init?(_ text: some StringProtocol, of tenant: TenantID = .default) {
    guard Self.isName(text.utf8) else { return nil }
    name = text.lowercased()
    self.tenant = tenant
  }

  /// `nil` unless `bytes` are an endpoint name in either case. The bytes are copied.
  package init?(bytes: UnsafeRawBufferPointer, of tenant: TenantID = .default) {
    guard unsafe Self.isName(bytes) else { return nil }
    // Every byte is ASCII by the line above, so decoding repairs nothing.
    name = unsafe String(decoding: bytes, as: UTF8.self).lowercased()
    self.tenant = tenant
  }

  /// As ``description`` writes it: `NAME`, or `TENANT/NAME`, each in either case. `nil` for anything else.
  package init?(qualified text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 1 {
      self.init(parts[0])
    } else {
      guard let tenant = TenantID(parts[0]) else { return nil }
      self.init(parts[1], of: tenant)
    }
  }

  /// The name, with its tenant and a slash before it unless that is the default one.
  package var description: String { tenant.isDefault ? name : "\(tenant.name)/\(name)" }

  package static func < (left: EndpointID, right: EndpointID) -> Bool { (left.tenant, left.name) < (right.tenant, right.name) }

  /// Whether the byte may stand in a name, in either case.
  @inlinable
  package static func isNameByte(_ byte: UInt8) -> Bool {
    // One bit for each byte value: "-" "." and digits below 64; letters, "_" and "~" from 64 to 127.
    let low: UInt64 = 0x03FF_6000_0000_0000
    let high: UInt64 = 0x47FF_FFFE_87FF_FFFE
    // Shifts past 63 give 0, so no byte value needs a branch of its own.
    return ((low >> UInt64(byte)) | (byte < 64 ? 0 : high >> UInt64(byte &- 64))) & 1 == 1
  }

  /// The byte with `A-Z` made `a-z`.
  @inlinable
  package static func canonical(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
  }

  /// A hash of the canonical name, for a table that is searched with bytes of a request and must build no `EndpointID` for it.
  /// `nil` unless the bytes are a name. `seed` should be random per process, so that no one can choose names that collide.
  @inlinable
  package static func canonicalHash(bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64? {
    guard bytes.count >= 1 && bytes.count <= maximumLength else { return nil }
    var hash = seed ^ 0xCBF2_9CE4_8422_2325
    var isName = true
    for index in bytes.indices {
      let byte = unsafe bytes[index]
      isName = isName && isNameByte(byte)
      hash = (hash ^ UInt64(canonical(byte))) &* 0x0000_0100_0000_01B3
    }
    guard isName, unsafe !isDots(bytes) else { return nil }
    // FNV leaves the low bits of short names alike; this spreads them (the finaliser of MurmurHash3).
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    return hash ^ (hash >> 33)
  }

  /// Whether the bytes are this name, in either case, whoever's it is.
  package func matches(bytes: UnsafeRawBufferPointer) -> Bool {
    var name = name.utf8.makeIterator()
    for index in bytes.indices {
      let byte = unsafe bytes[index]
      guard let own = name.next(), own == Self.canonical(byte) else { return false }
    }
    return name.next() == nil
  }

  private static func isName(_ bytes: some Collection<UInt8>) -> Bool {
    let count = bytes.count
    return count >= 1 && count <= maximumLength && bytes.allSatisfy(isNameByte) && !isDots(bytes)
  }

  @inlinable
  package static func isDots(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.count <= 2 && bytes.allSatisfy { $0 == 0x2E }
  }
}
