import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct ErrorResponseTests {
  @Test func `an error is JSON with its code and the request's ID`() {
    var response = ErrorResponse(.noAvailableUpstreams)
    response.requestID = HeaderText(hexadecimal: .max, 0)
    response.closes = false
    var out = ByteBuffer()
    response.write(into: &out)
    #expect(
      String(buffer: out)
        == "HTTP/1.1 502 Bad Gateway\r\ncontent-type: application/json\r\nx-pico-error: no-available-upstreams\r\ncontent-length: 35\r\nx-request-id: ffffffffffffffff0000000000000000\r\n\r\n{\"error\":\"no available upstreams\"}\n"
    )
  }

  @Test(arguments: ErrorCode.allCases, [false, true])
  func `every error parses as the response it says`(code: ErrorCode, isHead: Bool) {
    var response = ErrorResponse(code)
    response.isHead = isHead
    response.retryAfterSeconds = 120
    var out = ByteBuffer()
    response.write(into: &out)
    let method = isHead ? HTTPMethod.head : .get
    let parsed = ParsedResponse(String(buffer: out), to: method)
    guard case .complete(let headBytes) = parsed.outcome else {
      Issue.record("\(parsed.outcome)")
      return
    }
    let bytes = parsed.buffer.readableBytesSpan
    #expect(parsed.head.status == code.status)
    #expect(parsed.head.keepsAlive(answering: method) == false)
    #expect(parsed.head.value(named: "retry-after", in: bytes)?.text(in: bytes) == "120")
    let words = parsed.head.value(named: "x-pico-error", in: bytes)?.text(in: bytes).split(separator: "-").joined(separator: " ")
    #expect(words == "\(code.text)")
    #expect(parsed.head.contentLength == Int64("{\"error\":\"\(code.text)\"}\n".utf8.count))
    #expect(String(buffer: parsed.buffer).utf8.dropFirst(headBytes).elementsEqual((isHead ? "" : "{\"error\":\"\(code.text)\"}\n").utf8))
  }

  @Test func `an HTTP 1_0 client is told that the connection stays`() {
    var response = ErrorResponse(.notFound)
    response.isHTTP10 = true
    response.closes = false
    var out = ByteBuffer()
    response.write(into: &out)
    #expect(String(buffer: out).contains("\r\nconnection: keep-alive\r\n\r\n"))
  }
}
