/// Claims of tokens that were verified lately, by the hash of the token. Bounded, and confined to whoever holds it.
///
/// Two halves: when the young one is full it becomes the old one, and what of that is asked for becomes young again. So what is used stays, and
/// nothing is ever searched for something to throw out.
package struct TokenCache: Sendable {
  package struct Entry: Equatable, Sendable {
    package var claims: VerifiedClaims
    /// In the caller's clock; from then on the token has to be verified again.
    package var deadline: UInt64
    /// Of the keys that it was verified with.
    package var generation: UInt64

    package init(claims: VerifiedClaims, deadline: UInt64, generation: UInt64) {
      self.claims = claims
      self.deadline = deadline
      self.generation = generation
    }
  }

  private let half: Int
  private var young: [Fingerprint: Entry] = [:]
  private var old: [Fingerprint: Entry] = [:]

  /// - Parameter capacity: tokens at most.
  package init(capacity: Int = 4096) { half = max(1, capacity / 2) }

  package var count: Int { young.count + old.count }

  /// nil when the token is not known, its time is over, or the keys have changed.
  package mutating func entry(of token: Fingerprint, now: UInt64, generation: UInt64) -> Entry? {
    let isYoung = young[token] != nil
    guard let entry = young[token] ?? old[token] else { return nil }
    guard now < entry.deadline, entry.generation == generation else {
      young[token] = nil
      old[token] = nil
      return nil
    }
    if !isYoung {
      old[token] = nil
      insert(entry, of: token)
    }
    return entry
  }

  package mutating func insert(_ entry: Entry, of token: Fingerprint) {
    if young.count >= half {
      old = young
      young = [:]
    }
    young[token] = entry
  }
}
