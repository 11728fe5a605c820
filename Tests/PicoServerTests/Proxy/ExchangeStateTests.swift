import PicoCore
import PicoHTTP
import PicoTunnel
import Testing

@testable import PicoServer

/// The decisions of one exchange, without a connection.
@Suite struct ExchangeStateTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var code: StreamResetCode
    var decision: ExchangeState.FailureDecision
    var method = HTTPMethod.get
    var response = ExchangeState.Response.awaitingHead
    var attempts = 1
    var canReplay = true
    var hasBody = false
    var hasRetried = false
    var hasBudget = true
    var testDescription: String { "\(code) \(method) \(response) \(attempts) \(canReplay) \(hasBody) \(hasRetried) \(hasBudget)" }
  }

  static let cases: [Case] = [
    // Nothing reached an upstream: any method, any body, twice.
    Case(code: .notSent, decision: .retryUndelivered),
    Case(code: .notSent, decision: .retryUndelivered, method: .post, attempts: 2, hasBody: true),
    Case(code: .connectTimeout, decision: .retryUndelivered, method: .other, hasRetried: true, hasBudget: false),
    Case(code: .notSent, decision: .answer(.upstreamUnreachable), attempts: 3),
    Case(code: .notSent, decision: .answer(.upstreamUnreachable), canReplay: false),
    // It may have reached one: once, without a body, where twice is as good as once, and within the budget.
    Case(code: .resetAfterSend, decision: .retryDelivered), Case(code: .sessionLost, decision: .retryDelivered, method: .delete),
    Case(code: .cancelled, decision: .retryDelivered, method: .put),
    Case(code: .sessionLost, decision: .answer(.upstreamUnreachable), method: .post),
    Case(code: .sessionLost, decision: .answer(.upstreamUnreachable), method: .patch),
    Case(code: .sessionLost, decision: .answer(.upstreamUnreachable), method: .other),
    Case(code: .resetAfterSend, decision: .answer(.upstreamUnreachable), hasBody: true),
    Case(code: .resetAfterSend, decision: .answer(.upstreamUnreachable), hasRetried: true),
    Case(code: .resetAfterSend, decision: .answer(.upstreamUnreachable), hasBudget: false),
    Case(code: .resetAfterSend, decision: .answer(.upstreamUnreachable), attempts: 3),
    // The upstream answered, or had its time.
    Case(code: .malformedResponse, decision: .answer(.malformedResponse)),
    Case(code: .upstreamTimeout, decision: .answer(.upstreamTimeout)),
    // A relayed interim response ends all retries, but an answer is still possible.
    Case(code: .notSent, decision: .answer(.upstreamUnreachable), response: .interim),
    Case(code: .upstreamTimeout, decision: .answer(.upstreamTimeout), response: .interim),
    // Part of the response is gone.
    Case(code: .notSent, decision: .cutShort, response: .body), Case(code: .malformedResponse, decision: .cutShort, response: .body),
  ]

  @Test(arguments: cases)
  func `a failed stream is decided on by what was sent and what came`(example: Case) {
    var exchange = ExchangeState()
    exchange.method = example.method
    exchange.response = example.response
    exchange.attempts = example.attempts
    exchange.canReplay = example.canReplay
    exchange.hasRetriedDelivered = example.hasRetried
    if example.hasBody {
      exchange.requestBody = BodyFraming(.length(3))
      let body: [UInt8] = [1, 2, 3]
      _ = unsafe exchange.requestBody.consume(body.span.bytes)
    }
    #expect(exchange.decide(on: example.code) { example.hasBudget } == example.decision)
  }

  @Test func `the budget is asked only where it decides`() {
    var exchange = ExchangeState()
    exchange.attempts = 1
    exchange.method = .post
    var asked = 0
    func ask() -> Bool {
      asked += 1
      return true
    }
    _ = exchange.decide(on: .resetAfterSend, mayRetryDelivered: ask)
    _ = exchange.decide(on: .notSent, mayRetryDelivered: ask)
    #expect(asked == 0)
    exchange.method = .get
    _ = exchange.decide(on: .resetAfterSend, mayRetryDelivered: ask)
    #expect(asked == 1)
  }

  @Test(arguments: [
    (Int64(0), false, false, ExchangeState.Response.awaitingHead, false), (10, false, false, .awaitingHead, true),
    (10, true, false, .awaitingHead, false), (10, false, true, .awaitingHead, false), (10, false, true, .interim, true),
    (10, false, false, .body, true),
  ])
  func `a request waits for its client only when it is the client's turn`(
    length: Int64, isPaused: Bool, expects: Bool, response: ExchangeState.Response, awaits: Bool
  ) {
    var exchange = ExchangeState()
    exchange.requestBody = BodyFraming(.length(length))
    exchange.expectsContinue = expects
    exchange.response = response
    #expect(exchange.awaitsClient(isReadPaused: isPaused) == awaits)
  }

  @Test func `retries are a fifth of the requests of ten seconds and the loop's share of ten a second`() {
    let second: UInt64 = 1_000_000_000
    var budget = RetryBudget(loops: 2)
    var taken = 0
    while budget.take(now: 100 * second) { taken += 1 }
    #expect(taken == 50)
    for _ in 0..<100 { budget.recordRequest(now: 101 * second) }
    while budget.take(now: 102 * second) { taken += 1 }
    #expect(taken == 70)
    let before = budget.take(now: 109 * second)
    let after = budget.take(now: 110 * second)
    #expect(!before)
    #expect(after)
  }
}
