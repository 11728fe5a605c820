import NIOCore

@testable import PicoHTTP

/// A request head parsed from text, with the bytes it points into. In tables `\r\n` is written out, because it is the matter at hand.
struct Parsed: ~Copyable {
  var head: RequestHead
  var buffer: ByteBuffer
  var outcome: HeadParse

  init(_ text: String, limit: Int = 65536) {
    self.init(Array(text.utf8), limit: limit)
  }

  init(_ bytes: [UInt8], limit: Int = 65536) {
    let buffer = ByteBuffer(bytes: bytes)
    var head = RequestHead()
    outcome = head.parse(buffer.readableBytesSpan, limit: limit)
    self.head = head
    self.buffer = buffer
  }

  /// A GET with these lines, each ended by CRLF, and a Host in front of them.
  init(lines: String...) {
    self.init("GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
  }

  func text(_ slice: HeadSlice?) -> String? { slice?.text(in: buffer.readableBytesSpan) }

  /// As the node passes it on, line by line, without the empty one.
  func forwarded(_ change: (inout ForwardingContext) -> Void = { _ in }) -> [String] {
    var context = ForwardingContext(clientAddress: HeaderText("192.0.2.7") ?? HeaderText(), requestID: HeaderText(hexadecimal: 1, 0xab))
    context.addsLoop = false
    change(&context)
    var out = ByteBuffer()
    head.writeForwarded(buffer.readableBytesSpan, context, into: &out)
    return lines(of: out)
  }

  func toUpstream(host: String? = nil) -> [String] {
    var out = ByteBuffer()
    head.writeToUpstream(buffer.readableBytesSpan, host: host.map { ByteBuffer(string: $0) }, into: &out)
    return lines(of: out)
  }
}

struct ParsedResponse: ~Copyable {
  var head: ResponseHead
  var buffer: ByteBuffer
  var outcome: HeadParse
  var question: ResponseHead.Question

  init(_ text: String, to method: HTTPMethod = .get, asksForUpgrade: Bool = false) {
    let buffer = ByteBuffer(string: text)
    var head = ResponseHead()
    question = .init(method: method, asksForUpgrade: asksForUpgrade)
    outcome = head.parse(buffer.readableBytesSpan, limit: 65536, answering: question)
    self.head = head
    self.buffer = buffer
  }

  func toClient(_ version: HTTPVersion = .http11, keepsAlive: Bool = true) -> (lines: [String], transfer: BodyTransfer, keepsAlive: Bool) {
    var out = ByteBuffer()
    let result = head.writeToClient(
      buffer.readableBytesSpan, .init(question: question, version: version, keepsAlive: keepsAlive), into: &out)
    return (lines(of: out), result.transfer, result.keepsAlive)
  }

  func toStream() -> [String] {
    var out = ByteBuffer()
    head.writeToStream(buffer.readableBytesSpan, into: &out)
    return lines(of: out)
  }
}

/// The lines of a head that was written; the empty line at its end is cut off, and its absence shows as a last line of its own.
func lines(of buffer: ByteBuffer) -> [String] {
  var text = String(buffer: buffer)
  guard text.hasSuffix("\r\n\r\n") else { return ["no end: \(text)"] }
  // One character to Swift.
  text.removeLast()
  return text.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
}
