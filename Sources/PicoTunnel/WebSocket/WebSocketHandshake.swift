/// What both ends of the opening handshake compute (RFC 6455 sections 1.3 and 4). Cold path: it allocates as it likes.
package enum WebSocketHandshake {
  /// The subprotocol of our own two ends.
  package static let subprotocol = "pico.v1"

  private static let suffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The value of `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`: 28 bytes of Base64.
  package static func acceptKey(for key: some Sequence<UInt8>) -> [UInt8] {
    base64(SHA1.digest(of: Array(key) + suffix))
  }

  /// Whether the bytes are a possible `Sec-WebSocket-Key`: the Base64 form of 16 bytes.
  package static func isKey(_ key: some Collection<UInt8>) -> Bool {
    let bytes = Array(key)
    guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
    return bytes[..<22].allSatisfy(alphabet.contains)
  }

  /// A new key: 24 bytes of Base64 from 16 random ones.
  package static func makeKey() -> [UInt8] {
    base64((0..<16).map { _ in UInt8.random(in: .min ... .max) })
  }

  /// RFC 4648 section 4, with padding.
  static func base64(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for digit in 0..<4 {
        text.append(digit <= group.count ? alphabet[Int(word >> UInt32(18 - 6 * digit) & 63)] : UInt8(ascii: "="))
      }
    }
    return text
  }
}

/// The request that registers a listener. The fields come from our own configuration, checked when it was read.
package struct WebSocketRequest: Sendable {
  /// Host and port of the server as in a `Host` field.
  package var authority: String
  package var path: String
  package var key: [UInt8]
  package var subprotocol: String?
  package var agentID: String?
  /// Sent as `Authorization: Bearer`.
  package var token: String?
  /// Further fields.
  package var fields: [(name: String, value: String)] = []

  package init(authority: String, path: String, key: [UInt8], subprotocol: String? = nil, agentID: String? = nil, token: String? = nil) {
    self.authority = authority
    self.path = path
    self.key = key
    self.subprotocol = subprotocol
    self.agentID = agentID
    self.token = token
  }

  /// The whole request with its empty line. Nil if a value holds a control character or a byte beyond ASCII, so that nothing
  /// (a token file, say) can smuggle a line in.
  package func encoded() -> [UInt8]? {
    var lines = [
      "GET \(path) HTTP/1.1", "Host: \(authority)", "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: \(String(decoding: key, as: UTF8.self))", "Sec-WebSocket-Version: 13",
    ]
    if let subprotocol { lines.append("Sec-WebSocket-Protocol: \(subprotocol)") }
    if let agentID { lines.append("x-pico-agent-id: \(agentID)") }
    if let token { lines.append("Authorization: Bearer \(token)") }
    for field in fields { lines.append("\(field.name): \(field.value)") }
    guard lines.allSatisfy({ $0.utf8.allSatisfy { (0x20...0x7E).contains($0) } }) else { return nil }
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }
}
