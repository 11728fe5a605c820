import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct TraceContextTests {
  private static let whole = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func `a context is read and written`() throws {
    let context = try #require(TraceContext(Self.whole))
    #expect(context.traceHigh == 0x4bf9_2f35_77b3_4da6 && context.traceLow == 0xa3ce_929d_0e0e_4736)
    #expect(context.spanID == 0x00f0_67aa_0ba9_02b7 && context.isSampled)
    #expect(context.text == Self.whole)
    #expect(TraceContext.digits(ofSpan: context.spanID) == Array("00f067aa0ba902b7".utf8))
  }

  @Test(
    arguments: [
      ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false),
      ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", false),
      ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", true),
      ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
      ("fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
    ])
  func `the lowest flag says whether it is recorded, in later versions too`(text: String, isSampled: Bool) throws {
    #expect(try #require(TraceContext(text)).isSampled == isSampled)
  }

  @Test(
    arguments: [
      "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more", "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011",
    ])
  func `what has another form is none`(text: String) {
    #expect(TraceContext(text) == nil)
  }

  /// What a node passes on of a request with these fields, and the context that it has.
  private func forwarded(_ fields: String, trace: TraceContext?, withState: Bool = false) -> (context: TraceContext?, text: String) {
    let bytes = ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    let span = bytes.readableBytesSpan
    var head = RequestHead()
    guard case .complete = head.parse(span, limit: 1 << 16) else { return (nil, "") }
    let context = head.traceContext(span)
    var forwarding = ForwardingContext(clientAddress: HeaderText())
    if trace != nil { head.leaveOutTraceContext(span, withState: withState) }
    forwarding.trace = trace
    var out = ByteBuffer()
    head.writeForwarded(span, forwarding, into: &out)
    return (context, String(buffer: out))
  }

  @Test func `without a new context the fields pass byte for byte`() {
    let fields = "TraceParent:  \(Self.whole) \r\nX: 1\r\ntracestate: a=1\r\nTracestate: b=2\r\n"
    let (context, text) = forwarded(fields, trace: nil)
    #expect(context?.text == Self.whole)
    #expect(text.hasPrefix("GET / HTTP/1.1\r\nHost: a\r\n\(fields)"))
  }

  @Test(arguments: [true, false])
  func `a new context takes the old one's place and stands in front`(isNewTrace: Bool) throws {
    let own = try #require(TraceContext("00-0123456789abcdef0123456789abcdef-fedcba9876543210-01"))
    let (_, text) = forwarded(
      "TraceParent: \(Self.whole)\r\nX: 1\r\ntracestate: a=1\r\n", trace: own, withState: isNewTrace)
    #expect(text.hasPrefix("GET / HTTP/1.1\r\ntraceparent: \(own.text)\r\nHost: a\r\nX: 1\r\n"))
    #expect(text.contains("tracestate: a=1\r\n") == !isNewTrace)
    #expect(!text.contains(Self.whole))
    let octets = ByteBuffer(string: text)
    guard case .context(own, let place) = TraceContext.firstField(of: octets.readableBytesSpan) else {
      Issue.record("no context in the first field")
      return
    }
    #expect(octets.getString(at: place, length: 16) == "fedcba9876543210")
  }

  @Test(arguments: ["traceparent: x\r\n", "traceparent: \(whole)\r\nTraceparent: \(whole)\r\n", "tracestate: a=1\r\n", ""])
  func `malformed and repeated ones are none`(fields: String) {
    #expect(forwarded(fields, trace: nil).context == nil)
  }

  @Test func `each byte of a head is waited for until it is clear`() throws {
    let text = "POST /a HTTP/1.1\r\ntraceparent: \(Self.whole)\r\nHost: a\r\n\r\n"
    let clear = text.utf8.count - "\r\nHost: a\r\n\r\n".utf8.count
    for length in 0...text.utf8.count {
      let octets = ByteBuffer(bytes: text.utf8.prefix(length))
      let found = TraceContext.firstField(of: octets.readableBytesSpan)
      if length < clear {
        #expect(found == .undecided)
      } else {
        #expect(found == .context(try #require(TraceContext(Self.whole)), spanIDAt: 67))
      }
    }
    for other in [
      "GET / HTTP/1.1\r\nt: 1", "GET / HTTP/1.1\r\nTraceparent: ", "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\ntraceparent: \(Self.whole.replacing("-", with: "_"))\r\n",
    ] {
      let octets = ByteBuffer(string: other)
      #expect(TraceContext.firstField(of: octets.readableBytesSpan) == .other, "\(other)")
    }
  }
}
