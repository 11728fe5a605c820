/// Finds the end of each HTTP/1.1 response in a stream of bytes, and its status. It keeps no byte of it.
///
/// ```
/// head ─┬─ body(n) ──────────────────────────────► complete
///       ├─ chunkSize ⇄ chunk(n) ─ ... ─ trailers ► complete
///       └─ untilClose ──── (the connection ends) ► complete
/// ```
/// Source: RFC 9112 sections 2, 6 and 7.
struct ResponseParser {
  enum Outcome: Equatable {
    /// What was not consumed must be given again, with more behind it.
    case needsMore
    /// The response is whole. The next one begins behind what was consumed.
    case complete(status: Int, keepAlive: Bool)
    case malformed
  }

  private enum State: Equatable {
    case head
    case body(remaining: UInt64)
    case chunkSize
    /// The chunk and the line end behind it.
    case chunk(remaining: UInt64)
    case trailers
    case untilClose
  }

  /// Whether responses have no body because the request was HEAD.
  let isHead: Bool
  private var state = State.head
  private var status = 0
  private var keepAlive = true

  private static let maximumHeadBytes = 64 * 1024
  private static let maximumLineBytes = 8 * 1024

  init(isHead: Bool) {
    self.isHead = isHead
  }

  /// The status when the end of the connection is the end of the response, which then is whole.
  var statusAtClose: Int? { state == .untilClose ? status : nil }

  /// Whether a response has begun and bytes of it were consumed.
  var isInside: Bool { state != .head }

  /// Takes what it can. `bytes` are looked at within the call only.
  mutating func parse(_ bytes: UnsafeRawBufferPointer) -> (consumed: Int, outcome: Outcome) {
    var at = 0
    while true {
      switch state {
      case .head:
        guard let end = unsafe Self.endOfHead(bytes, from: at) else {
          return (at, bytes.count - at > Self.maximumHeadBytes ? .malformed : .needsMore)
        }
        // `end` lies within `bytes` and behind `at`.
        guard let next = unsafe readHead(UnsafeRawBufferPointer(rebasing: bytes[at..<end])) else { return (at, .malformed) }
        at = end
        state = next
        if next == .body(remaining: 0) { return (at, complete()) }
      case .body(let remaining):
        let taken = min(remaining, UInt64(bytes.count - at))
        at += Int(taken)
        state = .body(remaining: remaining - taken)
        return (at, taken == remaining ? complete() : .needsMore)
      case .chunkSize:
        guard let end = unsafe Self.endOfLine(bytes, from: at) else {
          return (at, bytes.count - at > Self.maximumLineBytes ? .malformed : .needsMore)
        }
        guard let size = unsafe Self.chunkSize(UnsafeRawBufferPointer(rebasing: bytes[at..<end])) else { return (at, .malformed) }
        at = end
        state = size == 0 ? .trailers : .chunk(remaining: size + 2)
      case .chunk(let remaining):
        let taken = min(remaining, UInt64(bytes.count - at))
        at += Int(taken)
        guard taken == remaining else {
          state = .chunk(remaining: remaining - taken)
          return (at, .needsMore)
        }
        state = .chunkSize
      case .trailers:
        guard let end = unsafe Self.endOfLine(bytes, from: at) else {
          return (at, bytes.count - at > Self.maximumLineBytes ? .malformed : .needsMore)
        }
        let isLast = end - at == 2
        at = end
        if isLast { return (at, complete()) }
      case .untilClose:
        return (bytes.count, .needsMore)
      }
    }
  }

  private mutating func complete() -> Outcome {
    state = .head
    return .complete(status: status, keepAlive: keepAlive)
  }

  /// Reads a whole head, line ends and all, and gives what follows it; nil for what is not a head.
  private mutating func readHead(_ head: UnsafeRawBufferPointer) -> State? {
    // "HTTP/1.1 200": the count covers every index below.
    guard head.count >= 16, unsafe Self.matches(head, 0, "http/1."), unsafe head[8] == UInt8(ascii: " ") else { return nil }
    let digits = unsafe (head[9] &- 48, head[10] &- 48, head[11] &- 48)
    guard digits.0 >= 1, digits.0 <= 5, digits.1 <= 9, digits.2 <= 9 else { return nil }
    status = Int(digits.0) * 100 + Int(digits.1) * 10 + Int(digits.2)
    keepAlive = unsafe head[7] != UInt8(ascii: "0")
    var length: UInt64?
    var isChunked = false
    guard var at = unsafe Self.endOfLine(head, from: 0) else { return nil }
    while let end = unsafe Self.endOfLine(head, from: at), end - at > 2 {
      // Only names of these lengths matter; `end - at` covers the colon.
      if unsafe end - at > 15 && head[at + 14] == UInt8(ascii: ":") && Self.matches(head, at, "content-length") {
        guard let value = unsafe Self.decimal(UnsafeRawBufferPointer(rebasing: head[at + 15..<end - 2])), length ?? value == value else {
          return nil
        }
        length = value
      } else if unsafe end - at > 18 && head[at + 17] == UInt8(ascii: ":") && Self.matches(head, at, "transfer-encoding") {
        guard unsafe Self.contains(head, at + 18..<end - 2, "chunked") else { return nil }
        isChunked = true
      } else if unsafe end - at > 11 && head[at + 10] == UInt8(ascii: ":") && Self.matches(head, at, "connection") {
        if unsafe Self.contains(head, at + 11..<end - 2, "close") { keepAlive = false }
        if unsafe Self.contains(head, at + 11..<end - 2, "keep-alive") { keepAlive = true }
      }
      at = end
    }
    if status < 200 { return status == 101 ? nil : .head }
    if isHead || status == 204 || status == 304 { return .body(remaining: 0) }
    if isChunked { return length == nil ? .chunkSize : nil }
    if let length { return .body(remaining: length) }
    keepAlive = false
    return .untilClose
  }

  /// The index behind the blank line that ends a head which begins at `start`.
  private static func endOfHead(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var at = start
    while let end = unsafe endOfLine(bytes, from: at) {
      if end - at == 2 { return end }
      at = end
    }
    return nil
  }

  /// The index behind the next CR LF.
  private static func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var at = start + 1
    // Both indices lie in `start..<bytes.count`.
    while at < bytes.count {
      if unsafe bytes[at] == 10 && bytes[at - 1] == 13 { return at + 1 }
      at += 1
    }
    return nil
  }

  /// Whether the lower case ASCII `text` stands at `start`, in either case. The caller has checked that there is room.
  private static func matches(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ text: StaticString) -> Bool {
    for index in 0..<text.utf8CodeUnitCount {
      // A static string's start is valid for its count of code units.
      let byte = unsafe bytes[start + index]
      let lower = byte &- 65 < 26 ? byte | 0x20 : byte
      if unsafe lower != text.utf8Start[index] { return false }
    }
    return true
  }

  private static func contains(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ text: StaticString) -> Bool {
    guard range.count >= text.utf8CodeUnitCount else { return false }
    return (range.lowerBound...range.upperBound - text.utf8CodeUnitCount).contains { unsafe matches(bytes, $0, text) }
  }

  /// Digits with blanks around them; nil for anything else and for what 64 bits do not hold.
  private static func decimal(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
    var value: UInt64 = 0
    var digits = 0
    var isOver = false
    for index in bytes.indices {
      let byte = unsafe bytes[index]
      if byte == 0x20 || byte == 0x09 {
        isOver = digits > 0
        continue
      }
      guard byte &- 48 < 10, !isOver, digits < 19 else { return nil }
      value = value * 10 + UInt64(byte &- 48)
      digits += 1
    }
    return digits > 0 ? value : nil
  }

  /// The hexadecimal number in front of extensions and the line end; nil past 2^60.
  private static func chunkSize(_ line: UnsafeRawBufferPointer) -> UInt64? {
    var value: UInt64 = 0
    var digits = 0
    for index in line.indices {
      let byte = unsafe line[index]
      let lower = byte | 0x20
      if byte &- 48 < 10 {
        value = value << 4 | UInt64(byte &- 48)
      } else if lower &- 97 < 6 {
        value = value << 4 | UInt64(lower &- 87)
      } else {
        return digits > 0 && [13, 0x20, 0x09, UInt8(ascii: ";")].contains(byte) ? value : nil
      }
      digits += 1
      if digits > 15 { return nil }
    }
    return nil
  }
}
