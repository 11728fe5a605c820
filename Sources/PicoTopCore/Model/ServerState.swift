internal import PicoCore
package import PicoStatus

/// What is known of one server and of the connection to it.
package struct ServerState: Sendable {
  /// As shown.
  package let name: String
  package internal(set) var connection = ConnectionState.connecting
  /// When `connection` last changed, since the start.
  var changedAt = Duration.zero
  /// Of the connection; nil before it and after it was lost.
  package internal(set) var hello: Hello?
  /// The node that it was when it last said so.
  var node: String?
  /// When the last rows of each subscription came, since the start.
  var heardAt: [String: Duration] = [:]
  /// The newest `now` of the server.
  var clock: Timestamp?
  /// When the server's clock was seen to go back, since the start.
  var clockWentBackAt: Duration?
  /// Of this connection.
  var subscriptions: [String: SubscriptionState] = [:]
  /// What the rows that are here were sent for; outlives a connection.
  var held: [String: Subscription] = [:]
  var totals: TotalsRow?
  /// Responses by class, once a second, the newest last: what is between the first and the last is the mix of now.
  private var statusSamples: [StatusClasses] = []
  var busiest: [EndpointRow] = []
  var history = HistoryTracks()
  var errors = RecentErrors(endpoint: "", errors: [])
  /// When the server last said that this reader is too slow, since the start.
  var tooSlowAt: Duration?

  init(name: String) { self.name = name }

  /// The protocol version that this program speaks.
  static let protocolVersion = 1

  /// One line for people when the server's protocol has no version in common with ours.
  package var incompatibility: String? {
    guard let hello, !(hello.minimumProtocol...max(hello.minimumProtocol, hello.maximumProtocol)).contains(Self.protocolVersion) else {
      return nil
    }
    let theirs =
      hello.minimumProtocol == hello.maximumProtocol ? "\(hello.minimumProtocol)" : "\(hello.minimumProtocol)-\(hello.maximumProtocol)"
    return "\(name) has status protocol \(theirs), this pico-top \(Self.protocolVersion): "
      + (hello.minimumProtocol > Self.protocolVersion ? "update pico-top" : "update the server")
  }

  package enum Freshness: Equatable, Sendable {
    /// The first rows are not there yet.
    case waiting
    case live
    /// For how long nothing came.
    case stale(Duration)
  }

  /// Whether the rows of a subscription are what the server has now. They come every interval even when nothing changed: a server silent for
  /// longer than `patience` is stale, as is what a lost connection left until a new snapshot replaces it.
  package func freshness(of id: String, at now: Duration, patience: Duration) -> Freshness {
    guard let heard = heardAt[id] else { return .waiting }
    let age = max(.zero, now - heard)
    let isCurrent = hello != nil && subscriptions[id]?.isLive == true
    return isCurrent && age <= patience ? .live : .stale(age)
  }

  mutating func observe(clock now: Timestamp, at moment: Duration) {
    if let clock, now.milliseconds < clock.milliseconds - 1000 { clockWentBackAt = moment }
    clock = now
  }

  /// The rows come from another server.
  mutating func forgetFigures() {
    totals = nil
    statusSamples = []
    history = HistoryTracks()
  }

  mutating func sampleStatus() {
    guard let totals else { return }
    statusSamples.append(totals.status)
    if statusSamples.count > 11 { statusSamples.removeFirst(statusSamples.count - 11) }
  }

  /// Responses of the last 10 s by class; all since the start when there were none.
  var statusMix: StatusClasses {
    guard let first = statusSamples.first, let last = totals?.status else { return totals?.status ?? StatusClasses() }
    let recent = last.since(first)
    return recent == StatusClasses() ? last : recent
  }
}

extension StatusClasses {
  /// A count that is smaller than before began anew.
  fileprivate func since(_ before: StatusClasses) -> StatusClasses {
    func grown(_ path: KeyPath<StatusClasses, UInt64>) -> UInt64 {
      let (now, then) = (self[keyPath: path], before[keyPath: path])
      return now >= then ? now - then : now
    }
    return StatusClasses(
      informational: grown(\.informational), successful: grown(\.successful), redirection: grown(\.redirection),
      clientError: grown(\.clientError), serverError: grown(\.serverError))
  }
}
