/// The grammar of RFC 9112 section 7.1 as Pico takes it, in the plainest way: line by line, over a whole body.
struct ReferenceReader {
  enum Outcome {
    case ended(payload: [UInt8])
    case more
    case bad
  }

  private let body: [UInt8]
  private(set) var offset = 0

  init(_ body: [UInt8]) {
    self.body = body
  }

  mutating func read() -> Outcome {
    var payload: [UInt8] = []
    while true {
      guard let line = nextLine(limit: 512) else { return .more }
      guard let size = Self.size(of: line) else { return .bad }
      if size == 0 { break }
      let rest = body[offset...]
      guard rest.count >= size + 2 else {
        let behind = rest.dropFirst(min(size, rest.count))
        return behind.first.map { $0 == 13 } ?? true ? .more : .bad
      }
      payload += rest.prefix(size)
      offset += size + 2
      guard body[offset - 2] == 13, body[offset - 1] == 10 else { return .bad }
    }
    let trailers = offset
    while true {
      guard let line = nextLine(limit: 32 * 1024) else { return .more }
      if line == [] { return .ended(payload: payload) }
      guard Self.isTrailer(line), offset - trailers <= 32 * 1024 else { return .bad }
    }
  }

  /// The next line without its CRLF; nil if no line feed came. A line with a stray CR or a bare line feed is given with them, and is bad.
  private mutating func nextLine(limit: Int) -> [UInt8]? {
    guard let lineFeed = body[offset...].firstIndex(of: 10) else { return nil }
    defer { offset = lineFeed + 1 }
    let line = body[offset...lineFeed]
    guard line.count <= limit, line.dropLast().last == 13 else { return [10] }
    return Array(line.dropLast(2))
  }

  static func size(of line: [UInt8]) -> Int? {
    let text = line.map { UnicodeScalar($0) }
    let digits = text.prefix { Character($0).isHexDigit && $0.isASCII }
    guard !digits.isEmpty, digits.count <= 15 else { return nil }
    guard areExtensions(Array(text[digits.count...])) else { return nil }
    return Int(String(String.UnicodeScalarView(digits)), radix: 16)
  }

  /// `*( ";" token [ "=" ( token / quoted-string ) ] )`, by taking one piece after the other off the front.
  static func areExtensions(_ text: [UnicodeScalar]) -> Bool {
    var rest = text[...]
    func token() -> Bool {
      let token = rest.prefix(while: isToken)
      rest = rest.dropFirst(token.count)
      return !token.isEmpty
    }
    while !rest.isEmpty {
      guard rest.removeFirst() == ";", token() else { return false }
      guard rest.first == "=" else { continue }
      rest = rest.dropFirst()
      guard rest.first == "\"" else {
        guard token() else { return false }
        continue
      }
      rest = rest.dropFirst()
      var isClosed = false
      while !isClosed {
        guard let next = rest.popFirst(), isText(next) else { return false }
        isClosed = next == "\""
        if next == "\\" {
          guard let escaped = rest.popFirst(), isText(escaped) else { return false }
        }
      }
    }
    return true
  }

  static func isTrailer(_ line: [UInt8]) -> Bool {
    let text = line.map { UnicodeScalar($0) }
    guard let colon = text.firstIndex(of: ":"), colon > 0, text[..<colon].allSatisfy(isToken) else { return false }
    guard text[(colon + 1)...].allSatisfy(isText) else { return false }
    let name = String(String.UnicodeScalarView(text[..<colon])).lowercased()
    return !name.hasPrefix("x-pico-") && !name.hasPrefix("x-piko-") && !forbidden.contains(name)
  }

  static let forbidden: Set<String> = [
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "proxy-authenticate",
    "proxy-authorization",
    "te", "trailer", "upgrade", "http2-settings", "expect", "authorization", "cookie", "set-cookie", "forwarded", "x-real-ip",
    "x-forwarded-for",
    "x-forwarded-proto", "x-forwarded-host", "cdn-loop",
  ]

  static func isToken(_ scalar: UnicodeScalar) -> Bool {
    scalar.isASCII && (Character(scalar).isLetter || Character(scalar).isNumber || "!#$%&'*+-.^_`|~".unicodeScalars.contains(scalar))
  }

  static func isText(_ scalar: UnicodeScalar) -> Bool {
    scalar == "\t" || scalar.value >= 0x20 && scalar.value != 0x7f
  }
}
