import Testing

@testable import PicoTransport

@Suite struct ProxyAnswerTests {
  static let answers: [(text: String, outcome: ProxyAnswer.Outcome)] = [
    ("HTTP/1.1 200 Connection established\r\n\r\n", .open(rest: [])), ("HTTP/1.0 200 OK\r\nVia: a\r\n\r\n", .open(rest: [])),
    ("HTTP/1.1 204\r\n\r\n", .open(rest: [])), ("HTTP/1.1 200 OK\r\n\r\nab", .open(rest: [0x61, 0x62])),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", .open(rest: [0x61, 0x62])),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nc", .open(rest: [0x63])),
    (
      "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\nx",
      .refused(status: 407, reason: "Proxy Authentication Required")
    ),
    ("HTTP/1.1 502\r\n\r\n", .refused(status: 502, reason: "")),
    ("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", .refused(status: 302, reason: "Found")),
    ("HTTP/1.1 200 OK\r\n", .needsMore), ("HTT", .needsMore), ("", .needsMore), ("SSH-2.0", .malformed), ("HTTP/2", .malformed),
    ("HTTP/1.2 200 OK\r\n\r\n", .malformed), ("HTTP/1.1 20 OK\r\n\r\n", .malformed), ("HTTP/1.1 2000 OK\r\n\r\n", .malformed),
    ("HTTP/1.1 600 OK\r\n\r\n", .malformed), ("HTTP/1.1 200 OK\nVia: a\r\n\r\n", .malformed),
    ("HTTP/1.1 200 OK\rVia: a\r\n\r\n", .malformed), ("HTTP/1.1 200 O\0K\r\n\r\n", .malformed),
  ]

  @Test(arguments: answers.indices)
  func `an answer is the same at once and byte by byte`(index: Int) {
    let (text, outcome) = Self.answers[index]
    var whole = ProxyAnswer()
    #expect(whole.receive(text.utf8) == outcome)
    var split = ProxyAnswer()
    var last = ProxyAnswer.Outcome.needsMore
    var rest: [UInt8] = []
    for byte in text.utf8 {
      // What comes behind the head is no longer the answer's.
      if case .open = last { rest.append(byte) } else if last == .needsMore { last = split.receive([byte]) }
    }
    if case .open = last { last = .open(rest: rest) }
    #expect(last == outcome)
  }

  @Test func `a head of 16 KiB is read, and no longer one`() {
    let start = "HTTP/1.1 200 OK\r\nA: "
    for (size, outcome) in [(16384, ProxyAnswer.Outcome.open(rest: [])), (16385, .headTooLarge)] {
      var answer = ProxyAnswer()
      let head = start + String(repeating: "a", count: size - start.utf8.count - 4) + "\r\n\r\n"
      #expect(answer.receive(head.utf8) == outcome)
    }
    var endless = ProxyAnswer()
    #expect(endless.receive((start + String(repeating: "a", count: 16384)).utf8) == .headTooLarge)
  }
}
