import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct EndpointLookupTests {
  static func find(_ lookup: EndpointLookup = EndpointLookup(), host: String? = nil, endpoint: String? = nil) -> String {
    var text = "GET / HTTP/1.0\r\n"
    if let host { text += "Host: \(host)\r\n" }
    if let endpoint { text += "X-Pico-Endpoint: \(endpoint)\r\n" }
    let parsed = Parsed(text + "\r\n")
    guard case .complete = parsed.outcome else { return "\(parsed.outcome)" }
    switch lookup.find(in: parsed.head, parsed.buffer.readableBytesSpan) {
    case .found(let slice, let source): return "\(source) \(parsed.text(slice) ?? "")"
    case .missing: return "missing"
    case .invalid: return "invalid"
    }
  }

  @Test(
    arguments: [
      ("a.example.com", "host a"), ("My_end~point-1.b", "host My_end~point-1"), ("a.b:8080", "host a"), ("a.b.", "host a"),
      ("a", "missing"),
      ("a.", "missing"), ("localhost:80", "missing"), ("127.0.0.1", "missing"), ("127.1", "missing"), ("a.1", "missing"),
      ("a.0x7F", "missing"),
      ("1.2.3.4.", "missing"), ("[::1]", "missing"), ("[::1]:80", "missing"), (".a.b", "invalid"), ("a.0xg", "host a"), ("1.a", "host 1"),
      (String(repeating: "a", count: 129) + ".b", "invalid"),
    ])
  func `a host names an endpoint by its first label`(host: String, found: String) {
    #expect(Self.find(host: host) == found)
  }

  @Test(
    arguments: [
      ("e", "header e"), ("A.b_c~d-1", "header A.b_c~d-1"), ("...", "header ..."), (".", "invalid"), ("..", "invalid"), (".a", "header .a"),
      ("", "invalid"), ("a%20", "invalid"), ("a b", "invalid"), ("a/b", "invalid"), ("\u{e9}", "invalid"), ("a,b", "invalid"),
      (String(repeating: "a", count: 128), "header " + String(repeating: "a", count: 128)), (String(repeating: "a", count: 129), "invalid"),
    ])
  func `the header comes first and must be a name`(endpoint: String, found: String) {
    #expect(Self.find(host: "h.example", endpoint: endpoint) == found)
  }

  @Test func `either place can be turned off`() {
    #expect(Self.find(EndpointLookup(usesHeader: false), host: "h.example", endpoint: "e") == "host h")
    #expect(Self.find(EndpointLookup(usesHost: false), host: "h.example", endpoint: "e") == "header e")
    #expect(Self.find(EndpointLookup(usesHost: false), host: "h.example") == "missing")
    #expect(Self.find() == "missing")
  }

  @Test(
    arguments: [
      ("a.example.com", "host a"), ("A.B.EXAMPLE.com:80", "host A"), ("a.example.com.", "host a"), ("a.dev", "host a"),
      ("example.com", "missing"),
      ("a.example.org", "missing"), ("aexample.com", "missing"), ("a.test", "host a"),
    ])
  func `domains limit the hosts`(host: String, found: String) {
    #expect(Self.find(EndpointLookup(domains: ["example.COM", "*.dev", ".test."]), host: host) == found)
  }

  @Test(
    arguments: [
      ("a.example.com", 0), ("a.b.example.com", 1), ("B.example.com:80", 1), ("b.example.com.", 1), ("xb.example.com", 0),
      ("example.com", 0), ("a.dev", nil), ("b.example.com.dev", nil), ("1.2.3.4", nil), ("com", nil),
    ] as [(String, Int?)])
  func `the longest domain counts, also for its own name`(host: String, place: Int?) {
    let parsed = Parsed("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    let lookup = EndpointLookup(domains: ["example.com", "b.example.com"])
    #expect(lookup.domain(of: parsed.head, parsed.buffer.readableBytesSpan) == place)
  }

  @Test func `an absolute target without a host names the endpoint too`() {
    let parsed = Parsed("GET http://a.b/ HTTP/1.0\r\n\r\n")
    guard case .found(let slice, .host) = EndpointLookup().find(in: parsed.head, parsed.buffer.readableBytesSpan) else {
      Issue.record("not found")
      return
    }
    #expect(parsed.text(slice) == "a")
  }
}
