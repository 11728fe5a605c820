/// The ID that a request gets when its client sent none: 128 random bits, printed as 32 hexadecimal digits.
///
/// It must be unique, not secret: a `SplitMixGenerator` of the event loop serves and costs no system call.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64

  /// Bytes that `write(to:)` writes.
  package static let length = 32

  /// The most bytes of a client's own ID that is kept.
  package static let maximumClientLength = 128

  @inlinable
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  @inlinable
  package static func random(using generator: inout some RandomNumberGenerator) -> RequestID {
    RequestID(high: generator.next(), low: generator.next())
  }

  /// Writes 32 ASCII digits to the start of the buffer. A buffer that is too small is our bug.
  @inlinable
  package func write(to buffer: UnsafeMutableRawBufferPointer) {
    precondition(buffer.count >= Self.length, "a request ID needs 32 bytes")
    for index in 0..<16 {
      let shift = UInt64(60 - 4 * index)
      // Both indices are below 32, which the precondition covers.
      unsafe buffer[index] = Hexadecimal.digit(high >> shift)
      unsafe buffer[index + 16] = Hexadecimal.digit(low >> shift)
    }
  }

  /// Whether a client's own request ID is kept: 1 to 128 bytes of `A-Z a-z 0-9 . _ -`.
  @inlinable
  package static func isAcceptable(bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 1 && bytes.count <= maximumClientLength else { return false }
    // The bytes of an endpoint name but "~".
    return unsafe bytes.allSatisfy { EndpointID.isNameByte($0) && $0 != 0x7E }
  }

  package var description: String { Hexadecimal.text(high) + Hexadecimal.text(low) }
}
