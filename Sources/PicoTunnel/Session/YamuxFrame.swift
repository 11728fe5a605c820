/// The kinds of a yamux frame (hashicorp/yamux spec.md, "Type Field"), and one of ours between nodes.
package enum YamuxFrameType: UInt8, Sendable {
  case data = 0
  case windowUpdate = 1
  case ping = 2
  case goAway = 3
  /// What the acceptor of a link's stream has to say of it beside its bytes: 32 bits, no payload (docs/protocol.md, "Links").
  case note = 4
}

package struct YamuxFlags: OptionSet, Equatable, Sendable {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let syn = YamuxFlags(rawValue: 1)
  package static let ack = YamuxFlags(rawValue: 2)
  package static let fin = YamuxFlags(rawValue: 4)
  package static let rst = YamuxFlags(rawValue: 8)
}

/// A frame header: 12 bytes, big endian: version 0, type, flags (2), stream ID (4), length (4).
///
/// `length` is the payload of a data frame, the delta of a window update, the value of a ping or of a note, the code of a go-away, and with
/// RST under `pico.v1` the ``StreamResetCode``.
package struct YamuxFrameHeader: Equatable, Sendable {
  package static let length = 12

  package var type: YamuxFrameType
  package var flags: YamuxFlags
  package var streamID: UInt32
  package var length: UInt32

  package init(type: YamuxFrameType, flags: YamuxFlags, streamID: UInt32, length: UInt32) {
    self.type = type
    self.flags = flags
    self.streamID = streamID
    self.length = length
  }

  /// Reads 12 bytes; nil for another version, an unknown type or unknown flags.
  @inline(__always)
  package init?(_ bytes: UnsafeRawPointer) {
    // The caller has 12 bytes behind the pointer.
    let first = UInt32(bigEndian: unsafe bytes.loadUnaligned(as: UInt32.self))
    guard first >> 24 == 0, first & 0xFFF0 == 0, let type = YamuxFrameType(rawValue: UInt8(truncatingIfNeeded: first >> 16)) else {
      return nil
    }
    self.type = type
    flags = YamuxFlags(rawValue: UInt16(truncatingIfNeeded: first))
    streamID = UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    length = UInt32(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
  }

  /// Writes 12 bytes.
  @inline(__always)
  package func write(to destination: UnsafeMutableRawPointer) {
    let first = UInt32(type.rawValue) << 16 | UInt32(flags.rawValue)
    unsafe destination.storeBytes(of: first.bigEndian, as: UInt32.self)
    unsafe destination.storeBytes(of: streamID.bigEndian, toByteOffset: 4, as: UInt32.self)
    unsafe destination.storeBytes(of: length.bigEndian, toByteOffset: 8, as: UInt32.self)
  }
}

/// Why a stream was reset: the length field of an RST under `pico.v1` (contract of docs/protocol.md, "Resets").
package enum StreamResetCode: UInt32, Equatable, Sendable {
  case cancelled = 0
  /// Nothing was written to an upstream: the request may go to another listener.
  case notSent = 1
  case connectTimeout = 2
  case malformedResponse = 3
  case upstreamTimeout = 4
  /// The upstream was lost after bytes were written to it.
  case resetAfterSend = 5
  /// Never on the wire: the session ended under the stream.
  case sessionLost = 0xFFFF_FFFF

  /// In words, for people and traces.
  package var name: StaticString {
    switch self {
    case .cancelled: "cancelled"
    case .notSent: "not-sent"
    case .connectTimeout: "connect-timeout"
    case .malformedResponse: "malformed-response"
    case .upstreamTimeout: "upstream-timeout"
    case .resetAfterSend: "reset-after-send"
    case .sessionLost: "session-lost"
    }
  }
}

/// What ends a session because of its peer; each is the peer's misuse, never ours.
package enum SessionFault: Error, Equatable, Sendable {
  case malformedHeader
  case windowExceeded
  case duplicateStream
  case wrongParity
  case dataAfterFin
  case windowOverflow
  case flood
  case unexpectedStream
}
