/// Random numbers that cost a few instructions and no system call, for jitter, load balancing and request IDs. Not for secrets.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), the 64-bit variant.
package struct SplitMixGenerator: RandomNumberGenerator, Sendable {
  @usableFromInline var state: UInt64

  /// The same seed gives the same numbers.
  package init(seed: UInt64) {
    state = seed
  }

  /// Seeded by the system.
  package init() {
    self.init(seed: .random(in: 0 ... .max))
  }

  @inlinable
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
