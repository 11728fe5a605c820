import PicoCore
import Testing

@testable import PicoStatus

@Suite struct FilterExpressionTests {
  static let endpoint = EndpointRow(
    id: "api-eu", tenant: "acme", listeners: 3, nodes: 2, inFlight: 7, requestsTotal: 12_345, requestRate: 100, errorRate: 6,
    status: StatusClasses(successful: 12_000, serverError: 345), latency: LatencySummary(p50: 12, p90: 80, p99: 250, max: 1200),
    bytesInRate: 2048, bytesOutRate: 5_000_000)
  static let now = Timestamp(seconds: 1_795_428_000)
  static let listener = ListenerRow(
    id: "l-17", endpoint: "web", node: "n-1", agent: "Rack 12", version: "1.4.0", remoteAddress: "10.0.0.5:4711",
    connectedAt: Timestamp(seconds: 1_795_428_000 - 5400), state: .draining, inFlight: 1)

  @Test(
    arguments: [
      ("", true), ("   ", true),
      ("rate>10", true), ("rate>100", false), ("rate>=100", true), ("rate<=100", true), ("rate<100", false), ("rate==100", true),
      ("rate!=100", false), ("request_rate > 10", true), ("RATE>10", true), ("rate=100", true),
      ("p99>200ms", true), ("p99>0.2s", true), ("p99>250", false), ("p99>=250ms", true), ("max>1s", true), ("max>1s500ms", false),
      ("max<1200001us", true),
      ("in==2KiB", true), ("in>2k", true), ("in>2kB", true), ("out>=5M", true), ("bytes_out_rate<5MiB", true), ("requests>12k", true),
      ("requests>1.2345k", false), ("5xx==345", true), ("4xx>0", false), ("2xx>=12k and 1xx==0 and 3xx==0", true),
      ("errors>5%", true), ("errors>6%", false), ("errors>=6%", true), ("errors>5", true), ("error_rate<0.5%", false),
      ("name~^api", true), ("name~^eu", false), ("name~eu$", true), ("name!~^eu", true), ("name~^API", true),
      ("name ~ ^api-(eu|us)$", true),
      ("name~\"a p\"", false), ("name~'^api'", true), ("name~^[a-c]pi", true), ("name~[)]", false), ("name~^api\\-", true),
      ("name==api-eu", true), ("name==API-EU", true), ("name==api", false), ("name!=api", true), ("id==api-eu", true),
      ("endpoint==\"api-eu\"", true), ("tenant==acme", true), ("tenant==''", false),
      ("api", true), ("API", true), ("pi-e", true), ("web", false), ("!web", true), ("not web", true), ("! api", false), ("\"api-\"", true),
      ("not not api", true), ("rate", false), ("android", false), ("not(web)", true), ("!(api)", false), ("a.i", false),
      ("rate>10 and p99>200ms or name~^web", true), ("name~^web or rate>10 and p99>1s", false), ("name~^web and rate>10 or api", true),
      ("name~^web and (rate>10 or api)", false), ("(web or api) and not (rate<10)", true), ("api AND rate>10", true), ("(api)", true),
      ("((api))and(rate>10)", true), ("api or web and nope", true),
    ] as [(String, Bool)])
  func `a filter says of an endpoint what it says`(text: String, isTrue: Bool) throws {
    let filter = try FilterExpression(text)
    try filter.validate(for: EndpointRow.self)
    #expect(filter.matches(Self.endpoint, now: Self.now) == isTrue)
  }

  @Test(
    arguments: [
      ("agent=='rack 12'", true), ("agent~^rack", true), ("identity==''", true), ("identity!=''", false), ("identity~x", false),
      ("remote~^10\\.", true), ("address~4711$", true), ("state==draining", true), ("state!=active", true), ("node==n-1", true),
      ("rtt>0", false), ("rtt<1s", false), ("rtt==0", false), ("rtt!=0", true), ("age>1h", true), ("age>1h30m", false),
      ("uptime>=5400", true),
      ("age<2d", true), ("web", true), ("l-17", true), ("rack", true), ("1.4.0", false), ("version==1.4.0", true),
      ("connected_at<2026-11-23T10:00:00Z", true), ("since>\"2026-11-23T08:29:59Z\"", true), ("id==l-17 and endpoint==web", true),
    ] as [(String, Bool)])
  func `a filter says of a listener what it says`(text: String, isTrue: Bool) throws {
    let filter = try FilterExpression(text)
    try filter.validate(for: ListenerRow.self)
    #expect(filter.matches(Self.listener, now: Self.now) == isTrue)
  }

  @Test func `nodes and blocks have names of their own`() throws {
    let node = NodeRow(id: "n-1", address: "10.0.0.1:8080", version: "1", state: .active, startedAt: Self.now, cpu: 0.6, rssBytes: 3 << 20)
    for text in ["cpu>50%", "cpu>0.5", "rss>=3MiB", "connected==true", "10.0", "state==active and age<1s"] {
      let filter = try FilterExpression(text)
      try filter.validate(for: NodeRow.self)
      #expect(filter.matches(node, now: Self.now), "\(text)")
    }
    let block = BlockRow(
      id: "b-1", scope: .agent, match: "agent-7", endpoint: "api", by: "ann", reason: "too loud", since: Self.now,
      until: Timestamp(seconds: Self.now.seconds + 600))
    for text in ["remaining>9m", "by==ann", "reason~loud", "scope==agent", "agent-7", "until>2026-11-23T10:00:00Z"] {
      let filter = try FilterExpression(text)
      try filter.validate(for: BlockRow.self)
      #expect(filter.matches(block, now: Self.now), "\(text)")
    }
  }

  @Test func `an endpoint without requests has no share of errors`() throws {
    #expect(try !FilterExpression("errors>0%").matches(EndpointRow(id: "idle")))
    #expect(try FilterExpression("errors<=0%").matches(EndpointRow(id: "idle")))
  }

  @Test(
    arguments: [
      ("foo>1", 0, "unknown name \"foo\" at 1; names are name id endpoint"),
      ("rate>1 and foo==1", 11, "unknown name \"foo\" at 12"),
      ("rate>", 5, "expected a value after > at 6"),
      ("rate>)", 5, "expected a value after > at 6"),
      ("rate>abc", 5, "\"abc\" is not a number like 10 or 1.5k at 6"),
      ("rate>10ms", 5, "\"10ms\" is not a number"), ("rate>5%", 5, "is not a number"), ("rate>nan", 5, "is not a number"),
      ("rate>0x10", 5, "is not a number"), ("rate>1.2.3", 5, "is not a number"), ("rate>-1", 5, "is not a number"),
      ("errors>x", 7, "errors a second like 0.5, or a part of the requests like 5%"),
      ("p99>10x", 4, "\"10x\" is not a duration like 200ms or 1.5s at 5"), ("p99>1s5", 4, "is not a duration"),
      ("in>1KB2", 3, "is not a size"), ("age>5", -1, ""), ("since>1", 6, "a time in UTC"),
      ("rate>\"10\"", 5, "rate is a number, which needs no quotes at 6"),
      ("rate~10", 0, "rate is a number, and ~ compares texts; == != < > <= >= fit at 1"),
      ("name<b", 0, "name is a text, and < compares numbers; == != ~ !~ fit at 1"),
      ("api rate>1", 4, "expected \"and\", \"or\" or the end at 5"), ("api web", 4, "expected \"and\", \"or\" or the end"),
      ("(api", 0, "a \"(\" without its \")\" at 1"), ("api)", 3, "a \")\" without its \"(\" at 4"),
      ("()", 1, "expected a name, not \")\" at 2"),
      ("api and", 7, "expected a condition like rate>10 at 8"), ("and api", 0, "expected a condition before \"and\" at 1"),
      ("api or or web", 7, "expected a condition before \"or\" at 8"), ("not", 3, "expected a condition"),
      (">1", 0, "expected a name, not \">\" at 1"),
      ("name==\"api", 6, "a quote without its end at 7"), ("name~[a", 5, "a \"[\" without its \"]\" at 6"),
      ("name~a(b", 6, "without its \")\" at 7"),
      ("name~\"a**{2\"", 9, "that is no repetition"), ("name~*", 5, "nothing before \"*\" to repeat"),
      ("\u{1B}[31m>1", 0, "\"\\u{1b}[31m\""),
    ] as [(String, Int, String)])
  func `what is wrong is named with its place`(text: String, offset: Int, message: String) {
    guard offset >= 0 else {
      #expect(throws: Never.self) { try FilterExpression(text) }
      return
    }
    do throws(FilterError) {
      _ = try FilterExpression(text)
      Issue.record("\(text) is read")
    } catch {
      #expect(error.offset == offset)
      #expect(error.message.contains(message), "\(error.message)")
      #expect(error.message.unicodeScalars.allSatisfy { !$0.isUnsafeToDisplay })
    }
  }

  @Test func `a name of another table is found by validation`() throws {
    let filter = try FilterExpression("rate>1 and agent==a")
    try filter.validate(for: ListenerRow.self)
    let error = #expect(throws: FilterError.self) { try filter.validate(for: EndpointRow.self) }
    #expect(error?.offset == 11)
    #expect(error?.message.contains("unknown name \"agent\" at 12; names are name id endpoint tenant listeners") == true)
    #expect(!filter.matches(Self.endpoint))
  }

  @Test func `length and nesting are bounded`() throws {
    #expect(throws: FilterError.self) { try FilterExpression(String(repeating: "a", count: 5000)) }
    #expect(throws: FilterError.self) { try FilterExpression(String(repeating: "(", count: 4000)) }
    #expect(throws: FilterError.self) { try FilterExpression(String(repeating: "!", count: 4000) + "a") }
    #expect(throws: FilterError.self) { try FilterExpression(String(repeating: "not ", count: 1000) + "a") }
    let deep = String(repeating: "(", count: 64) + "api" + String(repeating: ")", count: 64)
    #expect(try FilterExpression(deep).matches(Self.endpoint))
    let long = Array(repeating: "api", count: 500).joined(separator: " and ")
    #expect(try FilterExpression(long).matches(Self.endpoint))
  }

  @Test func `no text makes it trap`() {
    var random = SplitMixGenerator(seed: 7)
    let parts = [
      "rate", "name", "p99", "agent", ">", "<", "==", "!=", "~", "!~", "!", "(", ")", " and ", " or ", " not ", "10", "5%", "200ms", "\"",
      "'",
      "\\", "[", "]", "{2}", "*", "^", "$", " ", "é", "\u{202E}", "👩‍👩‍👧",
    ]
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 1...12, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
      if let filter = try? FilterExpression(text) { _ = filter.matches(Self.endpoint) }
    }
  }

  @Test func `a filter knows whether it reads the clock or asks nothing`() throws {
    #expect(try FilterExpression("rate>1 or age>5m").readsClock)
    #expect(try !FilterExpression("rate>1").readsClock)
    #expect(try FilterExpression(" ").isEmpty)
    #expect(try !FilterExpression("a").isEmpty)
  }
}
