import FuzzDriver
import NIOCore
import PicoHTTP

/// A head must read the same however it is split, a plain reader of strings must take exactly the same heads, and what is passed on must
/// be one head that says the same and nothing that it should not.
@main
struct FuzzRequestHead {
  static let limit = 4096

  static func main() {
    let status = FuzzDriver.run { input in
      // The first byte says where to cut and what the node knows.
      guard let choice = input.first else { return }
      let bytes = Array(input.dropFirst())
      checkRequest(bytes, choice)
      checkResponse(bytes, choice)
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  static func checkRequest(_ bytes: [UInt8], _ choice: UInt8) {
    let buffer = ByteBuffer(bytes: bytes)
    var head = RequestHead()
    let whole = head.parse(buffer.readableBytesSpan, limit: limit)

    var dripped = RequestHead()
    var last = HeadParse.incomplete
    for count in stride(from: 0, through: bytes.count + 15, by: Int(choice % 16) + 1) where last == .incomplete {
      last = dripped.parse(ByteBuffer(bytes: bytes.prefix(count)).readableBytesSpan, limit: limit)
    }
    compare(whole, last)
    if case .complete = whole {
      FuzzDriver.expect(dripped.fields == head.fields && dripped.path == head.path && dripped.loops == head.loops, "the facts differ")
    }

    switch (whole, ReferenceHead(request: bytes.prefix(limit))) {
    case (.complete(let headBytes), .some(let reference)):
      FuzzDriver.expect(headBytes == reference.byteCount, "\(headBytes) and \(reference.byteCount) bytes")
      checkForwarding(head, buffer, reference, choice)
    case (.complete, .none): FuzzDriver.fail("the reference refuses it")
    case (_, .some): FuzzDriver.fail("the reference takes it: \(whole)")
    case (_, .none): break
    }
  }

  static func compare(_ whole: HeadParse, _ dripped: HeadParse) {
    // A fault in a line that has not ended may be seen later.
    if case .failed = whole, dripped == .incomplete { return }
    FuzzDriver.expect(whole == dripped, "whole \(whole), dripping \(dripped)")
  }

  static func checkForwarding(_ head: borrowing RequestHead, _ buffer: ByteBuffer, _ reference: ReferenceHead, _ choice: UInt8) {
    let bytes = buffer.readableBytesSpan
    var context = ForwardingContext(clientAddress: HeaderText(hexadecimal: 1, 2), requestID: HeaderText(hexadecimal: 3, 4))
    context.isTrusted = choice & 16 != 0
    context.consumedAuthorization = choice & 32 != 0
    context.addsVia = choice & 64 != 0
    context.closesStream = choice & 128 != 0
    var out = ByteBuffer()
    head.writeForwarded(bytes, context, into: &out)
    guard let forwarded = ReferenceHead(request: Array(out.readableBytesView)[...]) else {
      // The only Host that it may lack is that of an HTTP/1.0 request whose endpoint is no name: no route, never written.
      FuzzDriver.expect(head.host == nil, "what was written is refused: \(String(buffer: out))")
      return
    }
    FuzzDriver.expect(forwarded.byteCount == out.readableBytes, "more than one head: \(String(buffer: out))")
    FuzzDriver.expect(
      forwarded.method == reference.method && forwarded.target == reference.originForm, "another request: \(String(buffer: out))")
    FuzzDriver.expect(forwarded.values("content-length") == reference.values("content-length"), "another length")
    FuzzDriver.expect(forwarded.values("transfer-encoding") == reference.values("transfer-encoding"), "another framing")
    FuzzDriver.expect(forwarded.values("cookie") == reference.values("cookie"), "other cookies")
    FuzzDriver.expect(forwarded.values("x-request-id").count == 1, "not one request ID")
    let loops = reference.values("cdn-loop").count
    FuzzDriver.expect(forwarded.values("cdn-loop").count == loops + 1, "not one loop more")
    let gone = reference.connectionOptions.subtracting(ReferenceHead.deafToConnection)
    for name in forwarded.fields.map(\.name) {
      FuzzDriver.expect(!gone.contains(name), "named by Connection: \(name)")
      FuzzDriver.expect(!ReferenceHead.neverForwarded.contains(name), "hop-by-hop: \(name)")
      FuzzDriver.expect(ReferenceHead.isEndpoint(name) || !ReferenceHead.isPico(name), "Pico's own: \(name)")
    }
    if !context.isTrusted {
      FuzzDriver.expect(forwarded.values("x-forwarded-for") == ["00000000000000010000000000000002"], "a forged X-Forwarded-For")
      FuzzDriver.expect(forwarded.values("forwarded").isEmpty && forwarded.values("x-real-ip").isEmpty, "a forged Forwarded")
    }
    if context.consumedAuthorization { FuzzDriver.expect(forwarded.values("authorization").isEmpty, "a consumed token") }
    let isUpgrade = !forwarded.values("upgrade").isEmpty
    FuzzDriver.expect(isUpgrade == head.isUpgrade, "the upgrade")
    FuzzDriver.expect(forwarded.connectionOptions == (isUpgrade ? ["upgrade"] : context.closesStream ? ["close"] : []), "the options")

    // The endpoint is read the same on both sides of the node, unless it stood in a target that is gone.
    var again = RequestHead()
    let outcome = again.parse(out.readableBytesSpan, limit: 1 << 20)
    FuzzDriver.expect(outcome == .complete(headBytes: out.readableBytes), "our own output: \(outcome)")
    let lookup = EndpointLookup()
    if head.host != nil, case .found(let name, let source) = lookup.find(in: head, bytes) {
      guard case .found(let same, source) = lookup.find(in: again, out.readableBytesSpan) else { FuzzDriver.fail("the endpoint is gone") }
      FuzzDriver.expect(name.text(in: bytes) == same.text(in: out.readableBytesSpan), "another endpoint")
    }
    out.clear()
    head.writeToUpstream(bytes, host: ByteBuffer(string: "local"), into: &out)
    guard let upstream = ReferenceHead(request: Array(out.readableBytesView)[...]) else { FuzzDriver.fail("the upstream refuses it") }
    FuzzDriver.expect(upstream.values("host") == ["local"] && upstream.byteCount == out.readableBytes, "the upstream's host")
  }

  static func checkResponse(_ bytes: [UInt8], _ choice: UInt8) {
    let buffer = ByteBuffer(bytes: bytes)
    let question = ResponseHead.Question(method: choice & 16 != 0 ? .head : .get, asksForUpgrade: choice & 32 != 0)
    var head = ResponseHead()
    let whole = head.parse(buffer.readableBytesSpan, limit: limit, answering: question)
    var dripped = ResponseHead()
    var last = HeadParse.incomplete
    for count in stride(from: 0, through: bytes.count + 15, by: Int(choice % 16) + 1) where last == .incomplete {
      last = dripped.parse(ByteBuffer(bytes: bytes.prefix(count)).readableBytesSpan, limit: limit, answering: question)
    }
    compare(whole, last)
    guard case .complete = whole else { return }
    FuzzDriver.expect(dripped.fields == head.fields && dripped.status == head.status, "the facts differ")
    var out = ByteBuffer()
    let version: HTTPVersion = choice & 64 != 0 ? .http10 : .http11
    let result = head.writeToClient(
      buffer.readableBytesSpan, .init(question: question, version: version, keepsAlive: choice & 128 != 0), into: &out)
    var again = ResponseHead()
    let outcome = again.parse(out.readableBytesSpan, limit: 1 << 20, answering: question)
    FuzzDriver.expect(outcome == .complete(headBytes: out.readableBytes), "our own output: \(outcome) \(String(buffer: out))")
    FuzzDriver.expect(again.status == head.status, "another status")
    let framing = again.framing(answering: question.method).kind
    switch result.transfer {
    case .asIs: FuzzDriver.expect(framing == head.framing(answering: question.method).kind, "another framing")
    case .encodeChunked: FuzzDriver.expect(framing == .chunked && version == .http11, "no chunks")
    case .decodeChunked, .untilClose: FuzzDriver.expect(framing == .untilClose && !result.keepsAlive && version == .http10, "no end")
    }
    if again.status >= 200 || again.isSwitch, version == .http11 {
      FuzzDriver.expect(again.keepsAlive(answering: question.method) == result.keepsAlive, "the connection")
    }
    FuzzDriver.expect(!again.contains(.endpoint) && !again.contains(.picoOther) && !again.contains(.keepAlive), "Pico's own")
  }
}
