internal import Glibc

/// Random numbers of the system that nobody can guess.
package enum Entropy {
  /// Fetched in one call where `SystemRandomNumberGenerator` makes one for each number.
  /// - Parameter count: 1 to 64, as getentropy(3) gives 256 bytes at the most.
  package static func words(_ count: Int) -> [UInt32] {
    precondition(1...64 ~= count)
    return unsafe [UInt32](unsafeUninitializedCapacity: count) { buffer, initialized in
      let wanted = count * MemoryLayout<UInt32>.size
      // The buffer has room for `count` words. Before the kernel's generator is ready the call waits, as it must.
      let result = unsafe getentropy(buffer.baseAddress.unsafelyUnwrapped, wanted)
      precondition(result == 0, "the system gives no random numbers")
      initialized = count
    }
  }
}
