/// The rules for a request head (docs/protocol.md, RFC 9112), told with lists of strings. Slow, and on purpose unlike the parser.
struct ReferenceHead {
  var method: String
  var target: String
  /// What the target becomes on its way upstream.
  var originForm: String
  var fields: [(name: String, value: String)] = []
  var byteCount: Int

  /// nil if there is no whole head, or a bad one. Bytes become the characters U+0000 to U+00FF.
  init?(request bytes: ArraySlice<UInt8>) {
    let text = bytes.map { UnicodeScalar($0) }
    var lines: [[UnicodeScalar]] = []
    var rest = text[...]
    if rest.starts(with: ["\r", "\n"]) { rest = rest.dropFirst(2) }
    while true {
      guard let lineFeed = rest.firstIndex(of: "\n"), lineFeed > rest.startIndex, rest[lineFeed - 1] == "\r" else { return nil }
      let line = Array(rest[..<(lineFeed - 1)])
      rest = rest[(lineFeed + 1)...]
      guard line.allSatisfy({ $0 == "\t" || $0.value >= 0x20 && $0.value != 0x7f }) else { return nil }
      if line.isEmpty { break }
      lines.append(line)
    }
    byteCount = text.count - rest.count
    guard let start = lines.first else { return nil }
    let words = start.split(separator: " ", omittingEmptySubsequences: false).map { String(String.UnicodeScalarView($0)) }
    guard words.count == 3, ["HTTP/1.0", "HTTP/1.1"].contains(words[2]) else { return nil }
    (method, target, originForm) = (words[0], words[1], words[1])
    let isOld = words[2] == "HTTP/1.0"
    guard Self.isToken(method), method != "CONNECT", !target.unicodeScalars.contains(where: { $0 == "#" || $0 == "\t" }) else { return nil }

    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let name = String(String.UnicodeScalarView(line[..<colon]))
      guard Self.isToken(name) else { return nil }
      fields.append((name.lowercased(), Self.trim(line[(colon + 1)...])))
    }
    guard fields.count <= 200 else { return nil }

    var authority: (host: String, port: Int?)?
    var defaultPort = 80
    if target == "*" {
      guard method == "OPTIONS" else { return nil }
    } else if !target.hasPrefix("/") {
      let lower = target.lowercased()
      guard let scheme = ["http://", "https://"].first(where: lower.hasPrefix), lower.unicodeScalars.count > scheme.count else {
        return nil
      }
      if scheme == "https://" { defaultPort = 443 }
      let rest = Array(target.unicodeScalars.dropFirst(scheme.count))
      let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.count
      authority = Self.authority(String(String.UnicodeScalarView(rest[..<end])))
      guard authority != nil else { return nil }
      originForm = String(String.UnicodeScalarView(rest[end...]))
      if originForm.isEmpty && method == "OPTIONS" { originForm = "*" } else if !originForm.hasPrefix("/") { originForm = "/" + originForm }
    }

    let hosts = values("host")
    guard hosts.count <= 1, isOld || hosts.count == 1 else { return nil }
    if let written = hosts.first {
      guard let host = Self.authority(written) else { return nil }
      if let authority {
        guard authority.host == host.host, authority.port ?? defaultPort == host.port ?? defaultPort else { return nil }
      }
    }
    let lengths = values("content-length")
    let codings = values("transfer-encoding")
    guard lengths.count + codings.count <= 1, lengths.allSatisfy(Self.isLength), codings.allSatisfy({ $0.lowercased() == "chunked" }) else {
      return nil
    }
    guard codings.isEmpty || !isOld else { return nil }
    guard fields.filter({ Self.isEndpoint($0.name) }).count <= 1 else { return nil }
    let options = Self.list(values("connection"))
    guard options.allSatisfy(Self.isToken), !connectionOptions.contains(where: { Self.isPico($0) || Self.reserved.contains($0) }) else {
      return nil
    }
    guard options.map({ $0.lowercased() }).filter({ !Self.known.contains($0) }).count <= 32 else { return nil }
  }

  func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

  var connectionOptions: Set<String> { Set(Self.list(values("connection")).map { $0.lowercased() }) }

  static let reserved: Set<String> = ["host", "content-length", "transfer-encoding", "authorization", "cookie"]
  static let deafToConnection: Set<String> = [
    "te", "trailer", "upgrade", "cdn-loop", "via", "forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
    "x-request-id", "set-cookie",
  ]
  static let neverForwarded: Set<String> = [
    "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "http2-settings",
  ]
  /// Options that the parser has a name for, and so needs no memory for.
  static let known = reserved.union(deafToConnection).union(neverForwarded).union(["close", "connection", "expect"])

  static func isPico(_ name: String) -> Bool { name.hasPrefix("x-pico-") || name.hasPrefix("x-piko-") }
  static func isEndpoint(_ name: String) -> Bool { name == "x-pico-endpoint" || name == "x-piko-endpoint" }

  static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.unicodeScalars.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".unicodeScalars.contains($0) }
  }

  static func isAlphanumeric(_ scalar: UnicodeScalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
  }

  static func isLength(_ text: String) -> Bool {
    !text.isEmpty && text.unicodeScalars.count <= 19 && text.unicodeScalars.allSatisfy { ("0"..."9").contains($0) } && Int64(text) != nil
  }

  static func trim(_ text: ArraySlice<UnicodeScalar>) -> String {
    let front = text.drop { $0 == " " || $0 == "\t" }
    let blanks = front.reversed().prefix { $0 == " " || $0 == "\t" }.count
    return String(String.UnicodeScalarView(front.dropLast(blanks)))
  }

  static func list(_ values: [String]) -> [String] {
    values.flatMap { $0.unicodeScalars.split(separator: ",").map { trim(Array($0)[...]) } }.filter { !$0.isEmpty }
  }

  static func authority(_ text: String) -> (host: String, port: Int?)? {
    var host = text.unicodeScalars.map { $0 }[...]
    var port: Int?
    if let bracket = host.lastIndex(of: "]") {
      guard host.first == "[", bracket >= 3 else { return nil }
      guard host[1..<bracket].allSatisfy({ isHex($0) || $0 == ":" || $0 == "." }) else { return nil }
      guard let number = Self.port(host[(bracket + 1)...]) else { return nil }
      port = number.value
      host = host[...bracket]
    } else {
      let colon = host.firstIndex(of: ":") ?? host.count
      guard colon > 0, let number = Self.port(host[colon...]) else { return nil }
      guard host[..<colon].allSatisfy({ isAlphanumeric($0) || "-._~".unicodeScalars.contains($0) }) else { return nil }
      port = number.value
      host = host[..<colon]
    }
    return (String(String.UnicodeScalarView(host)).lowercased(), port)
  }

  /// Of `:80`, `:` or nothing.
  static func port(_ text: ArraySlice<UnicodeScalar>) -> (value: Int?, Void)? {
    guard !text.isEmpty else { return (nil, ()) }
    guard text.first == ":", text.count <= 6, text.dropFirst().allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    guard text.count > 1 else { return (nil, ()) }
    guard let number = Int(String(String.UnicodeScalarView(text.dropFirst()))), number <= 65535 else { return nil }
    return (number, ())
  }

  static func isHex(_ scalar: UnicodeScalar) -> Bool {
    ("a"..."f").contains(scalar) || ("A"..."F").contains(scalar) || ("0"..."9").contains(scalar)
  }
}
