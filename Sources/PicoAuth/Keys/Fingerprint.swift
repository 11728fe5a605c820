internal import Crypto

/// SHA-256 of something that is not to be kept itself: a key, a token.
package struct Fingerprint: Hashable, Sendable {
  private let words: InlineWords

  /// 32 bytes.
  private struct InlineWords: Hashable, Sendable {
    var first: UInt64 = 0
    var second: UInt64 = 0
    var third: UInt64 = 0
    var fourth: UInt64 = 0
  }

  package init(_ bytes: some Sequence<UInt8>) {
    // The bytes are read within the call.
    let bytes = Array(bytes)
    var hash = SHA256()
    unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    self.init(hash.finalize())
  }

  /// Without a copy of the bytes.
  package init(_ bytes: borrowing RawSpan) {
    var hash = SHA256()
    // The bytes are read within the call.
    unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    self.init(hash.finalize())
  }

  private init(_ digest: SHA256Digest) {
    // A digest of SHA-256 has 32 bytes.
    words = unsafe digest.withUnsafeBytes { bytes in
      unsafe InlineWords(
        first: bytes.loadUnaligned(as: UInt64.self), second: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
        third: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self), fourth: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self))
    }
  }
}
