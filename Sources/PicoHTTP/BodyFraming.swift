/// What `BodyFraming` says about bytes it was given.
package enum BodyProgress: Equatable, Sendable {
  /// All of them belong to the body, and more is to come.
  case more
  /// The body ended after this many of them; the rest is of the next message, or of the protocol after a switch.
  case ended(after: Int)
  case failed(HTTPFault)
}

/// Where a body ends (RFC 9112 section 6), for bodies that are passed on byte for byte as they come.
package struct BodyFraming: Sendable {
  package enum Kind: Equatable, Sendable {
    /// This many bytes; 0 is no body.
    case length(Int64)
    case chunked
    /// Until the other side ends the connection; only of a response.
    case untilClose
  }

  /// As it was at the start.
  package let kind: Kind
  /// Bytes of payload seen so far, without chunk lines and trailers.
  package private(set) var payloadBytes: Int64 = 0
  private var remaining: Int64
  private var chunks = ChunkedDecoder()
  package private(set) var isComplete: Bool

  package init(_ kind: Kind) {
    self.kind = kind
    if case .length(let length) = kind { remaining = length } else { remaining = 0 }
    isComplete = kind == .length(0)
  }

  package static var none: BodyFraming { BodyFraming(.length(0)) }

  /// Bytes that are still to come; nil when only the body itself will tell.
  package var expectedBytes: Int64? { if case .length = kind { remaining } else { nil } }

  /// Takes the next bytes of the connection, split anywhere.
  package mutating func consume(_ bytes: RawSpan) -> BodyProgress {
    guard !isComplete else { return .ended(after: 0) }
    switch kind {
    case .length:
      let taken = min(remaining, Int64(bytes.byteCount))
      remaining -= taken
      payloadBytes += taken
      guard remaining == 0 else { return .more }
      isComplete = true
      return .ended(after: Int(taken))
    case .untilClose:
      payloadBytes += Int64(bytes.byteCount)
      return .more
    case .chunked:
      var offset = 0
      while true {
        switch chunks.next(bytes, at: &offset) {
        case .payload(let slice): payloadBytes += Int64(slice.count)
        case .needsMore: return .more
        case .failed(let fault): return .failed(fault)
        case .ended:
          isComplete = true
          return .ended(after: offset)
        }
      }
    }
  }
}
