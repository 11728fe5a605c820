/// Whether nodes are to tell each other what the store cannot: from when the store is found silent until it has answered for so long that
/// everybody has written again what changed. A node that has just begun does not know how long the store was silent for others.
struct StoreDoubt: Sendable {
  typealias Instant = ContinuousClock.Instant

  /// A store that is well proves it about every second.
  static let limit = Duration.seconds(2)

  let settling: Duration
  private var doubtedAt: Instant?

  init(settling: Duration, now: Instant) {
    self.settling = settling
    doubtedAt = now
  }

  mutating func look(staleFor: Duration, now: Instant) -> Bool {
    if staleFor > Self.limit { doubtedAt = now }
    guard let doubtedAt, now - doubtedAt < settling else {
      self.doubtedAt = nil
      return false
    }
    return true
  }
}
