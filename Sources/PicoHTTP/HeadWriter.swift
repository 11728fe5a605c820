import NIOCore

/// Writes a head into room that was made at once, so that a piece costs a copy and no more.
///
/// The room is never overrun: a piece that does not fit is our bug, for the caller names the bound, and ends the process.
@safe struct HeadWriter: ~Copyable {
  /// Bytes that Pico itself adds to any head at most: names, literals, a client's address and a request ID.
  static var additions: Int { 1024 }

  private let room: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  /// - Parameter room: must outlive the writer.
  init(_ room: UnsafeMutableRawBufferPointer) {
    unsafe self.room = unsafe room
  }

  @inline(__always)
  mutating func append(_ literal: StaticString) {
    // A literal of several characters is a pointer to that many bytes.
    unsafe append(literal.utf8Start, literal.utf8CodeUnitCount)
  }

  @inline(__always)
  mutating func append(_ bytes: RawSpan, _ range: Range<Int>) {
    // The pointer is used only inside, and the span checks the range.
    unsafe bytes.extracting(range).withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe append(start, source.count) }
    }
  }

  @inline(__always)
  mutating func append(_ bytes: RawSpan, _ slice: HeadSlice) { append(bytes, slice.range) }

  @inline(__always)
  private mutating func append(_ source: UnsafeRawPointer, _ length: Int) {
    precondition(unsafe length <= room.count - count, "the room for a head was too small")
    // There is room for `length` bytes behind `count`, and the caller says that as many are at `source`.
    unsafe room.baseAddress?.advanced(by: count).copyMemory(from: source, byteCount: length)
    count += length
  }
}

extension ByteBuffer {
  /// Makes room for a head and moves the writer behind what `body` wrote.
  /// - Parameter kept: the most bytes that are copied from what came.
  @inline(__always)
  mutating func writeHead(copyingUpTo kept: Int, _ body: (inout HeadWriter) -> Void) {
    // The room is valid while the closure runs, and the writer does not leave it.
    _ = unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: kept + HeadWriter.additions) { room in
      var writer = unsafe HeadWriter(room)
      body(&writer)
      return writer.count
    }
  }
}
