package import NIOCore
package import NIOHPACK
package import PicoHTTP

/// One message of HTTP/2 on its way into the bytes of HTTP/1.1 (RFC 9113 section 8), as a value: header sections and data go in, bytes for
/// an HTTP/1.1 parser come out. What such a parser could read as anything but that one message is a fault, so nothing can be smuggled past it.
///
///     head ─► data … ─► end            with Content-Length, which the data has to keep to
///          └► data … ─► trailers       chunked
///          └► end                      without a body
package struct MessageWriter: Sendable {
  enum Body: Equatable, Sendable {
    case none
    /// Bytes that are still to come.
    case length(Int64)
    case chunked
    /// Nothing may follow.
    case ended
  }

  private(set) var body = Body.none

  package init() {}

  /// The other side has nothing more to say, and said so.
  package var isEnded: Bool { body == .ended }

  // MARK: Heads

  /// Writes the head of a request; what the parser of HTTP/1.1 checks by itself, such as the form of the host, is left to it.
  /// - Parameter isLast: no body follows.
  /// - Returns: its method. Nothing of `out` may be used after a fault.
  package mutating func writeRequest(_ fields: HPACKHeaders, isLast: Bool, into out: inout ByteBuffer) throws(HTTPFault) -> HTTPMethod {
    let request = try RequestFields(fields)
    guard request.contentLength ?? 0 == 0 || !isLast else { throw .lengthDisagreesWithData }
    out.writeString(request.method)
    out.writeStaticString(" ")
    out.writeString(request.path)
    out.writeStaticString(" HTTP/1.1\r\n")
    if let host = request.authority ?? request.host {
      out.writeStaticString("host: ")
      out.writeString(host)
      out.writeStaticString("\r\n")
    }
    writeLines(of: fields, into: &out)
    let method = HTTPMethod(request.method)
    beginBody(isLast: isLast, length: request.contentLength, tellsNone: method.usuallyHasBody, into: &out)
    return method
  }

  /// Writes the head of a response to a request with this method. One of 1xx leaves the writer as it is.
  /// - Returns: its status.
  package mutating func writeResponse(
    _ fields: HPACKHeaders, isLast: Bool, answering method: HTTPMethod, into out: inout ByteBuffer
  ) throws(HTTPFault) -> Int {
    let response = try ResponseFields(fields)
    // A change of protocol is not for HTTP/2 (RFC 9113 section 8.6).
    guard response.status != 101, response.status >= 200 || !isLast else { throw .badPseudoField }
    out.writeStaticString("HTTP/1.1 ")
    out.writeString(String(response.status))
    out.writeStaticString(" \r\n")
    writeLines(of: fields, into: &out)
    guard response.status >= 200 else {
      out.writeStaticString("\r\n")
      return response.status
    }
    let isBodiless = method == .head || response.status == 204 || response.status == 304
    guard !isBodiless else {
      body = isLast ? .ended : .none
      out.writeStaticString("\r\n")
      return response.status
    }
    guard response.contentLength ?? 0 == 0 || !isLast else { throw .lengthDisagreesWithData }
    beginBody(isLast: isLast, length: response.contentLength, tellsNone: true, into: &out)
    return response.status
  }

  private mutating func beginBody(isLast: Bool, length: Int64?, tellsNone: Bool, into out: inout ByteBuffer) {
    switch (isLast, length) {
    case (true, let length):
      body = .ended
      if length == nil, tellsNone { out.writeStaticString("content-length: 0\r\n") }
    case (false, let length?):
      body = .length(length)
    case (false, nil):
      body = .chunked
      out.writeStaticString("transfer-encoding: chunked\r\n")
    }
    out.writeStaticString("\r\n")
  }

  /// All fields but those in pseudo-header fields and `host`, in their order. `cookie`, which HTTP/2 may cut, is one again (RFC 9113 section
  /// 8.2.3).
  private func writeLines(of fields: HPACKHeaders, into out: inout ByteBuffer) {
    var hasCookie = false
    for (name, value, _) in fields where name.utf8.first != UInt8(ascii: ":") && name != "host" {
      if name == "cookie" {
        guard !hasCookie else { continue }
        hasCookie = true
        out.writeStaticString("cookie: ")
        var isFirst = true
        for (other, crumb, _) in fields where other == "cookie" {
          if !isFirst { out.writeStaticString("; ") }
          isFirst = false
          out.writeString(crumb)
        }
      } else {
        out.writeString(name)
        out.writeStaticString(": ")
        out.writeString(value)
      }
      out.writeStaticString("\r\n")
    }
  }

  // MARK: Behind the head

  /// Writes data of the body.
  package mutating func writeData(_ data: RawSpan, isLast: Bool, into out: inout ByteBuffer) throws(HTTPFault) {
    switch body {
    case .none, .ended:
      guard data.byteCount == 0, body == .none else { throw .lengthDisagreesWithData }
    case .length(let left):
      guard data.byteCount <= left, !isLast || data.byteCount == left else { throw .lengthDisagreesWithData }
      out.writeBytes(data)
      body = .length(left - Int64(data.byteCount))
    case .chunked:
      ChunkedEncoder.write(data, into: &out)
      if isLast { ChunkedEncoder.writeEnd(into: &out) }
    }
    if isLast { body = .ended }
  }

  /// Writes the section behind the body, which ends the message. With a length declared there is no place for it, and it is left out.
  package mutating func writeTrailers(_ fields: HPACKHeaders, into out: inout ByteBuffer) throws(HTTPFault) {
    for (name, value, _) in fields {
      guard name.utf8.first != UInt8(ascii: ":") else { throw .badPseudoField }
      try FieldRules.check(name, value)
    }
    switch body {
    case .ended: throw .lengthDisagreesWithData
    case .none: break
    case .length(let left): guard left == 0 else { throw .lengthDisagreesWithData }
    case .chunked:
      out.writeStaticString("0\r\n")
      writeLines(of: fields, into: &out)
      out.writeStaticString("\r\n")
    }
    body = .ended
  }
}

extension HTTPMethod {
  init(_ text: String) {
    // Every byte of a String's text is initialised: there is no padding.
    let bytes = unsafe text.utf8Span.span.bytes
    self.init(HeadSlice(start: 0, count: bytes.byteCount), in: bytes)
  }

  /// A request without a body says so where a server would else wait or complain (RFC 9110 section 8.6).
  fileprivate var usuallyHasBody: Bool { self == .post || self == .put || self == .patch }
}
