internal import PicoAuth
internal import PicoCore
internal import PicoTunnel

/// In whose name a listener is registered, and until when. Times are steady nanoseconds.
struct ListenerAuthorization: Sendable {
  /// Before the end, for the agent to come back with a new token.
  static let notice: UInt64 = 30_000_000_000
  /// A token that ends sooner than this is not worth a move.
  static let shortest: UInt64 = 2_000_000_000

  let claims: VerifiedClaims
  /// When the listener closes; nil for a token without `exp`.
  let end: UInt64?
  /// When the agent is asked to move: 30 s before the end, or half-way there if that is later. nil once it was asked.
  var move: UInt64?

  init(_ claims: VerifiedClaims, secondsLeft: Double?, now: UInt64) {
    self.claims = claims
    guard let secondsLeft else {
      (end, move) = (nil, nil)
      return
    }
    // A year is for ever here.
    let left = UInt64(max(0, min(secondsLeft, 31_536_000)) * 1e9)
    end = now &+ left
    move = left < Self.shortest ? nil : now &+ (left > 2 * Self.notice ? left - Self.notice : left / 2)
  }
}

extension ListenerSession {
  /// At each sweep: asks the agent to move when its token is about to end, and closes when it has. A plain yamux peer stays until the end: it
  /// knows no other way than to lose its tunnel.
  func checkAuthorization(now: UInt64) {
    guard let authorization else { return }
    if let end = authorization.end, now >= end { return endUnauthorized("its token expired") }
    guard let move = authorization.move, now >= move else { return }
    self.authorization?.move = nil
    if listener.isPico { drain() }
  }

  /// The keys of the port are other ones now.
  func endIfKeyIsGone() {
    guard let authorization, loop.node.authenticators.upstream?.knowsKey(of: authorization.claims) == false else { return }
    endUnauthorized("the key of its token is gone")
  }
}

extension VerifiedClaims {
  /// Who it is, for blocks, status and logs.
  var identity: String? { subject.flatMap { $0.isEmpty ? nil : $0 } }
}
