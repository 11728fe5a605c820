package import NIOCore

/// How the body of a response is passed on.
package enum BodyTransfer: Equatable, Sendable {
  /// Byte for byte, and its framing tells its end.
  case asIs
  /// It ends when its source ends; `ChunkedEncoder` makes that end visible.
  case encodeChunked
  /// The client knows no chunks: `ChunkedDecoder` takes the framing off, and closing is the end.
  case decodeChunked
  /// It ends when its source ends, and closing is the end here too.
  case untilClose
}

extension ResponseHead {
  /// Whom the response is written to.
  package struct Destination: Equatable, Sendable {
    package var question: Question
    package var version: HTTPVersion
    /// The connection is to stay open after this exchange, as far as the client and this node go; the framing may still forbid it.
    package var keepsAlive: Bool

    package init(question: Question, version: HTTPVersion, keepsAlive: Bool) {
      self.question = question
      self.version = version
      self.keepsAlive = keepsAlive
    }
  }

  /// What becomes of the body on its way to a client of that version.
  package func transfer(answering method: HTTPMethod, to version: HTTPVersion) -> BodyTransfer {
    if isBodiless(answering: method) { return .asIs }
    if isChunked { return version == .http11 ? .asIs : .decodeChunked }
    if contentLength != nil { return .asIs }
    return version == .http11 ? .encodeChunked : .untilClose
  }

  /// Writes the response as a node passes it on to a client. Not for an interim response to HTTP/1.0, which knows none.
  /// - Returns: what to do with the body, and whether the connection stays open behind it.
  package func writeToClient(
    _ bytes: RawSpan, _ destination: Destination, into out: inout ByteBuffer
  ) -> (transfer: BodyTransfer, keepsAlive: Bool) {
    let transfer = transfer(answering: destination.question.method, to: destination.version)
    let keepsAlive = destination.keepsAlive && (transfer == .asIs || transfer == .encodeChunked) && !isSwitch
    var dropped = hopByHopNames()
    if destination.version == .http10 { dropped.insert(.transferEncoding) }
    out.writeHead(copyingUpTo: section.lineStart) { writer in
      writeStatusLine(bytes, &writer)
      section.writeKept(bytes, dropping: dropped, &writer)
      if transfer == .encodeChunked { writer.append("Transfer-Encoding: chunked\r\n") }
      switch (keepsUpgrade, keepsAlive || isInterim) {
      case (true, true): writer.append("Connection: Upgrade\r\n\r\n")
      case (true, false): writer.append(isSwitch ? "Connection: Upgrade\r\n\r\n" : "Connection: Upgrade, close\r\n\r\n")
      case (false, true): writer.append(destination.version == .http10 ? "Connection: keep-alive\r\n\r\n" : "\r\n")
      case (false, false): writer.append("Connection: close\r\n\r\n")
      }
    }
    return (transfer, keepsAlive)
  }

  /// Writes the response as an agent passes it on to its stream, whose end is the end of the exchange: the framing stays as it is.
  package func writeToStream(_ bytes: RawSpan, into out: inout ByteBuffer) {
    out.writeHead(copyingUpTo: section.lineStart) { writer in
      writeStatusLine(bytes, &writer)
      section.writeKept(bytes, dropping: hopByHopNames(), &writer)
      writer.append(keepsUpgrade ? "Connection: Upgrade\r\n\r\n" : "\r\n")
    }
  }

  /// RFC 9110 sections 15.2.2 and 15.5.22: these two say which protocols.
  private var keepsUpgrade: Bool { (status == 101 || status == 426) && section.present.contains(.upgrade) }

  private func hopByHopNames() -> FieldNames {
    var named = section.connectionOptions
    named.subtract(.deafToConnection)
    var dropped = FieldNames.hopByHop
    dropped.formUnion(named)
    dropped.formUnion(.pico)
    dropped.insert(.endpoint)
    if !keepsUpgrade { dropped.insert(.upgrade) }
    // RFC 9110 section 8.6, RFC 9112 section 6.1: none of these may have them, and some client believes them.
    if status < 200 || status == 204 {
      dropped.insert(.contentLength)
      dropped.insert(.transferEncoding)
    }
    return dropped
  }

  private func writeStatusLine(_ bytes: RawSpan, _ writer: inout HeadWriter) {
    writer.append("HTTP/1.1 ")
    writer.append(bytes, 9..<12)
    writer.append(" ")
    writer.append(bytes, reason)
    writer.append("\r\n")
  }
}
