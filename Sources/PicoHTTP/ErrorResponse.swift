package import NIOCore

/// An answer of Pico's own: `{"error": …}` as JSON, the code as a header, and the ID of the request.
package struct ErrorResponse: Sendable {
  package var code: ErrorCode
  /// Left out when empty, as when not even a head was read.
  package var requestID = HeaderText()
  /// Of the request: the answer to HEAD has no body.
  package var isHead = false
  /// This connection ends with the answer.
  package var closes = true
  /// The client speaks HTTP/1.0, and must be told when the connection stays.
  package var isHTTP10 = false
  package var retryAfterSeconds: Int?

  package init(_ code: ErrorCode) {
    self.code = code
  }

  package func write(into out: inout ByteBuffer) {
    let text = code.text
    out.writeStaticString("HTTP/1.1 ")
    Self.write(code.status, into: &out)
    out.writeStaticString(" ")
    out.writeStaticString(code.reason)
    out.writeStaticString("\r\ncontent-type: application/json\r\nx-pico-error: ")
    writeKebab(text, into: &out)
    // {"error":"…"} and a line feed.
    out.writeStaticString("\r\ncontent-length: ")
    Self.write(text.utf8CodeUnitCount + 13, into: &out)
    if !requestID.isEmpty {
      out.writeStaticString("\r\nx-request-id: ")
      requestID.write(into: &out)
    }
    if let retryAfterSeconds {
      out.writeStaticString("\r\nretry-after: ")
      Self.write(max(0, retryAfterSeconds), into: &out)
    }
    if code.status == 401 { out.writeStaticString("\r\nwww-authenticate: Bearer") }
    if code == .upgradeRequired { out.writeStaticString("\r\nupgrade: websocket") }
    if closes {
      out.writeStaticString("\r\nconnection: close\r\n\r\n")
    } else {
      out.writeStaticString(isHTTP10 ? "\r\nconnection: keep-alive\r\n\r\n" : "\r\n\r\n")
    }
    guard !isHead else { return }
    out.writeStaticString("{\"error\":\"")
    out.writeStaticString(text)
    out.writeStaticString("\"}\n")
  }

  private func writeKebab(_ text: StaticString, into out: inout ByteBuffer) {
    let start = out.writerIndex
    out.writeStaticString(text)
    for index in start..<out.writerIndex where out.getInteger(at: index, as: UInt8.self) == Octets.space {
      out.setInteger(UInt8(ascii: "-"), at: index)
    }
  }

  /// Decimal, without a String.
  static func write(_ number: Int, into out: inout ByteBuffer) {
    var divisor = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      out.writeInteger(UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30)
      divisor /= 10
    }
  }
}
