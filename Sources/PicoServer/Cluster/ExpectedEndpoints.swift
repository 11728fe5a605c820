internal import PicoCore

/// Endpoints whose only listener has just gone from a node, as a value. It may be at another one: until that is known, or it takes too long,
/// requests for them wait.
struct ExpectedEndpoints: Equatable, Sendable {
  /// Until when, in steady nanoseconds.
  private var deadlines: [EndpointID: UInt64] = [:]

  /// How long a peer that was sent away may take to come back; a Piko agent does in 100 to 200 ms.
  static let patience: UInt64 = 2_000_000_000
  /// Until a node that has it by now, as agents register before they leave, has been heard.
  static let moment: UInt64 = 250_000_000
  private static let most = 100_000

  mutating func expect(_ endpoint: EndpointID, within patience: UInt64 = Self.patience, now: UInt64) {
    guard deadlines.count < Self.most else { return }
    deadlines[endpoint] = max(deadlines[endpoint] ?? 0, now &+ patience)
  }

  /// Until when it is waited for; nil when it is not.
  func deadline(of endpoint: EndpointID, now: UInt64) -> UInt64? {
    deadlines[endpoint].flatMap { $0 > now ? $0 : nil }
  }

  mutating func forgetPast(now: UInt64) {
    guard !deadlines.isEmpty else { return }
    deadlines = deadlines.filter { $0.value > now }
  }
}
