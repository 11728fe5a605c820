internal import FoundationEssentials

/// Reads the answer to a ``WebSocketRequest``, however it is split.
package struct WebSocketAnswer: Sendable {
  package enum Outcome: Equatable, Sendable {
    case needsMore
    /// The tunnel is open; `rest` came behind the head and belongs to it already.
    case accepted(subprotocol: String?, rest: [UInt8])
    case refused(Refusal)
    case fault(Fault)
  }

  /// The server answered and said no.
  package struct Refusal: Error, Equatable, Sendable {
    package var status: Int
    /// The `error` of a JSON body, else the reason phrase. From outside: escape it before it is printed.
    package var message: String
    package var retryAfterSeconds: Int?

    package init(status: Int, message: String, retryAfterSeconds: Int? = nil) {
      self.status = status
      self.message = message
      self.retryAfterSeconds = retryAfterSeconds
    }
  }

  /// What came is no answer of a WebSocket server.
  package enum Fault: Error, Equatable, Sendable {
    case headTooLarge
    case malformed
    /// The status is 101 but `Upgrade` or `Connection` does not say so.
    case notAnUpgrade
    case wrongAcceptKey
    /// An extension or a subprotocol that was not offered.
    case notOffered
    /// The connection ended before the head.
    case truncated
  }

  private struct Head {
    var status: Int
    var reason: String
    var fields: [(name: String, value: String)]
    var bodyStart: Int

    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }
  }

  private static let maximumHead = 16 << 10
  private static let maximumBody = 16 << 10

  private let acceptKey: String
  private let offered: String?
  private var bytes: [UInt8] = []
  private var head: Head?

  package init(key: [UInt8], offered: String?) {
    acceptKey = String(decoding: WebSocketHandshake.acceptKey(for: key), as: UTF8.self)
    self.offered = offered
  }

  package mutating func receive(_ more: some Sequence<UInt8>) -> Outcome {
    bytes.append(contentsOf: more)
    while head == nil {
      guard let end = endOfHead() else { return bytes.count > Self.maximumHead ? .fault(.headTooLarge) : .needsMore }
      guard end <= Self.maximumHead else { return .fault(.headTooLarge) }
      guard let parsed = Self.parse(bytes[..<end]) else { return .fault(.malformed) }
      guard parsed.status != 101 else { return check(parsed) }
      if parsed.status < 200 {
        bytes.removeFirst(end)
      } else {
        head = parsed
      }
    }
    guard let head else { return .needsMore }
    // 204 has no body and says nothing of one (RFC 9110 section 6.4.1).
    let length = head.status == 204 ? 0 : head.values("content-length").first.flatMap { Int($0) }
    let available = bytes.count - head.bodyStart
    let isWhole = head.values("transfer-encoding").isEmpty && length.map { available >= $0 } ?? false
    return isWhole || available >= Self.maximumBody ? .refused(refusal(head)) : .needsMore
  }

  /// The first value of a field of the head, once it is whole; `name` is lower case.
  package func value(of name: String) -> String? { head?.values(name).first }

  /// The connection ended: what is there must do.
  package func finish() -> Outcome {
    head.map { .refused(refusal($0)) } ?? .fault(.truncated)
  }

  private func endOfHead() -> Int? {
    var index = 3
    while index < bytes.count {
      if bytes[index] == 0x0A, bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A, bytes[index - 3] == 0x0D { return index + 1 }
      index += 1
    }
    return nil
  }

  /// RFC 9112 sections 4 and 5, strictly: CRLF only, no folded lines, token names, no control characters.
  private static func parse(_ bytes: ArraySlice<UInt8>) -> Head? {
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x0D || $0 == 0x0A || $0 == 0x09 }) else { return nil }
    var lines: [ArraySlice<UInt8>] = []
    var rest = bytes.dropLast(2)
    while let feed = rest.firstIndex(of: 0x0A) {
      guard feed > rest.startIndex, rest[feed - 1] == 0x0D else { return nil }
      lines.append(rest[rest.startIndex..<feed - 1])
      rest = rest[(feed + 1)...]
    }
    guard rest.isEmpty, let start = lines.first, lines.allSatisfy({ !$0.contains(0x0D) }) else { return nil }
    let line = String(decoding: start, as: UTF8.self)
    guard line.hasPrefix("HTTP/1.1 "), start.count >= 12 else { return nil }
    let digits = start.dropFirst(9).prefix(3)
    guard digits.allSatisfy({ (0x30...0x39).contains($0) }), start.count == 12 || start[start.startIndex + 12] == 0x20 else { return nil }
    let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    guard (100...599).contains(status) else { return nil }
    var fields: [(name: String, value: String)] = []
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex, line[..<colon].allSatisfy(isTokenByte) else {
        return nil
      }
      let value = line[(colon + 1)...].drop(while: isBlank)
      let end = value.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? value.startIndex
      fields.append((String(decoding: line[..<colon], as: UTF8.self).lowercased(), String(decoding: value[..<end], as: UTF8.self)))
    }
    return Head(
      status: status, reason: String(decoding: start.dropFirst(13), as: UTF8.self), fields: fields, bodyStart: bytes.count)
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }

  /// RFC 6455 section 4.1, the client's list of what a 101 must say.
  private mutating func check(_ head: Head) -> Outcome {
    let options = head.values("connection").flatMap { $0.split(separator: ",") }.map { $0.trimmed.lowercased() }
    guard head.values("upgrade").map({ $0.lowercased() }) == ["websocket"], options.contains("upgrade") else {
      return .fault(.notAnUpgrade)
    }
    guard head.values("sec-websocket-accept") == [acceptKey] else { return .fault(.wrongAcceptKey) }
    let subprotocols = head.values("sec-websocket-protocol")
    guard head.values("sec-websocket-extensions").isEmpty, subprotocols.isEmpty || offered.map({ [$0] == subprotocols }) ?? false else {
      return .fault(.notOffered)
    }
    self.head = head
    return .accepted(subprotocol: subprotocols.first, rest: Array(bytes[head.bodyStart...]))
  }

  private struct ErrorBody: Decodable {
    var error: String
  }

  private func refusal(_ head: Head) -> Refusal {
    var message = head.reason.isEmpty ? "status \(head.status)" : head.reason
    if head.values("content-type").contains(where: { $0.lowercased().hasPrefix("application/json") }),
      let body = try? JSONDecoder().decode(ErrorBody.self, from: Data(bytes[head.bodyStart...].prefix(Self.maximumBody)))
    {
      message = String(body.error.prefix(256))
    }
    let retryAfter = head.values("retry-after").first.flatMap { Int($0) }
    return Refusal(status: head.status, message: message, retryAfterSeconds: retryAfter.flatMap { $0 >= 0 ? $0 : nil })
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    let start = drop { $0 == " " || $0 == "\t" }
    guard let end = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return start[...end]
  }
}
