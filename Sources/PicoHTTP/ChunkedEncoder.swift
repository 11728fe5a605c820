package import NIOCore

/// Writes the chunked coding (RFC 9112 section 7.1).
package enum ChunkedEncoder {
  /// One chunk; nothing for no bytes, because that would be the last chunk.
  package static func write(_ payload: RawSpan, into out: inout ByteBuffer) {
    guard payload.byteCount > 0 else { return }
    writeSize(payload.byteCount, into: &out)
    out.writeBytes(payload)
    out.writeStaticString("\r\n")
  }

  /// The line in front of a chunk; the caller writes that many bytes and CRLF behind it.
  package static func writeSize(_ count: Int, into out: inout ByteBuffer) {
    let digits = max(1, (Int.bitWidth - count.leadingZeroBitCount + 3) / 4)
    for index in stride(from: digits - 1, through: 0, by: -1) {
      out.writeInteger(Octets.hexDigit(UInt8(truncatingIfNeeded: count &>> (4 * index) & 15)))
    }
    out.writeStaticString("\r\n")
  }

  /// The last chunk, without trailers.
  package static func writeEnd(into out: inout ByteBuffer) {
    out.writeStaticString("0\r\n\r\n")
  }
}
