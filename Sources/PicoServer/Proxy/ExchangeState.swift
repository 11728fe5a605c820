internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel

/// What is known of the request that a connection is serving, as a value: which sides ended, what may be tried again.
struct ExchangeState {
  enum Response: Equatable {
    /// Nothing was sent downstream yet.
    case awaitingHead
    /// An interim response went downstream; the final one is still to come.
    case interim
    case body
    /// The last byte of the response was written.
    case done
  }

  /// What to do about a stream that failed.
  enum FailureDecision: Equatable {
    /// Try another listener: nothing reached an upstream.
    case retryUndelivered
    /// Try another listener, out of the budget: the request may have reached one, and doing it twice is as good as once.
    case retryDelivered
    case answer(ErrorCode)
    /// Part of a response is downstream: only closing shows that it is cut short.
    case cutShort
  }

  /// Listeners that a request is given at most: the first and two more.
  static let maximumAttempts = 3

  var method = HTTPMethod.get
  var version = HTTPVersion.http11
  var keepsAlive = true
  /// The client speaks HTTP/2, whatever this side of ``HTTP2StreamHandler`` sees.
  var isHTTP2 = false
  var asksForUpgrade = false
  var expectsContinue = false
  /// As the client named it.
  var protocolName: StaticString { isHTTP2 ? "HTTP/2.0" : version == .http11 ? "HTTP/1.1" : "HTTP/1.0" }
  var requestBody = BodyFraming.none
  var response = Response.awaitingHead
  var responseBody = BodyFraming.none
  var transfer = BodyTransfer.asIs
  var responseDecoder = ChunkedDecoder()
  var status = 0
  /// Of an answer 429.
  var limit: NodeLimit?
  /// What the protocol was switched to is a WebSocket.
  var isWebSocket = false
  var isStreamEndReceived = false
  /// Close only after the client had time to read the answer: it may still be sending.
  var lingers = false
  /// The stream's own end was written.
  var isStreamEndSent = false
  var startedAt: UInt64 = 0
  /// Until the status was known, in nanoseconds.
  var latency: UInt64 = 0
  /// The handler's routes are those of this request.
  var isRouted = false
  /// Response payload handed downstream, and after a 101 what the upstream sent.
  var bytesOut = 0
  /// What the client sent after a 101.
  var bytesInAfterSwitch = 0
  var attempts = 0
  /// When the last of them was made, in steady nanoseconds.
  var attemptedAt: UInt64 = 0
  var tried = InlineArray<3, ListenerID?>(repeating: nil)
  /// Of a hop: which of the other node's listeners has the request, once that node has said it.
  var hopListener: ListenerID?
  var hasRetriedDelivered = false
  /// Nobody who has the endpoint can be reached; the request is given out again in a moment.
  var awaitsRoute = false
  /// A node had the endpoint no longer, so what is known of it is not new.
  var isRouteOld = false
  /// A listener took no more streams.
  var wasFull = false
  /// The whole of what was sent so far is in the retry buffer.
  var canReplay = true

  /// Doing the request a second time is as good as once, and nothing of its answer is downstream.
  var mayBeRepeated: Bool {
    response == .awaitingHead && canReplay && attempts < Self.maximumAttempts && method.isIdempotent && requestBody.payloadBytes == 0
      && !hasRetriedDelivered
  }

  /// What a listener is called in records: of what stands for another node's listeners, the one that has the request; nil while that is not known.
  func listenerID(_ listener: Listener?) -> ListenerID? { listener?.remote == nil ? listener?.id : hopListener }

  /// - Parameter mayRetryDelivered: whether the budget of retries has room; asked for only where it decides.
  func decide(on code: StreamResetCode, mayRetryDelivered: () -> Bool) -> FailureDecision {
    guard response == .awaitingHead || response == .interim else { return .cutShort }
    if response == .awaitingHead, canReplay, attempts < Self.maximumAttempts {
      switch code {
      case .notSent, .connectTimeout:
        return .retryUndelivered
      case .sessionLost, .resetAfterSend, .cancelled:
        if mayBeRepeated, mayRetryDelivered() { return .retryDelivered }
      case .malformedResponse, .upstreamTimeout:
        break
      }
    }
    switch code {
    case .malformedResponse: return .answer(.malformedResponse)
    case .upstreamTimeout: return .answer(.upstreamTimeout)
    case .cancelled, .notSent, .connectTimeout, .resetAfterSend, .sessionLost: return .answer(.upstreamUnreachable)
    }
  }

  /// The request waits for bytes of its client, rather than for the upstream.
  func awaitsClient(isReadPaused: Bool) -> Bool {
    guard !requestBody.isComplete, !isReadPaused else { return false }
    // A client that asked for it sends nothing before the upstream's 100.
    return !(expectsContinue && requestBody.payloadBytes == 0 && response == .awaitingHead)
  }
}

/// Retries of requests that may have been delivered: a fifth of the last ten seconds' requests and ten a second more, so that a broken
/// upstream is not sent twice its load. Each loop of a node has one, with its share of the ten.
struct RetryBudget {
  private var requests = 0
  private var retries = 0
  private var epoch: UInt64 = 0
  private let free: Int

  private static let interval: UInt64 = 10_000_000_000
  private static let freeOfNode = 100

  init(loops: Int) { free = max(1, Self.freeOfNode / max(1, loops)) }

  private mutating func turn(_ now: UInt64) {
    guard now &- epoch >= Self.interval else { return }
    epoch = now
    requests = 0
    retries = 0
  }

  mutating func recordRequest(now: UInt64) {
    turn(now)
    requests &+= 1
  }

  /// Takes one retry from the budget if it is there.
  mutating func take(now: UInt64) -> Bool {
    turn(now)
    guard retries < requests / 5 &+ free else { return false }
    retries &+= 1
    return true
  }
}
