/// How many registrations a loop takes before it looks at other things, as a value. When a node is gone its agents come to the others all at
/// once, by the thousand, and requests in between are not to wait for all of them.
///
/// ```
///      ┌── fewer than a slice ──▶ taken
/// come ┤
///      └── the slice is full, or others wait ──▶ waiting ── a slice for each pause ──▶ taken
/// ```
struct RegistrationTurns: Equatable {
  /// Some milliseconds of work.
  static let slice = 16

  private var taken = 0
  private var waiting = 0

  /// One comes: true when it is taken now, else it waits.
  mutating func come() -> Bool {
    guard waiting == 0, taken < Self.slice else {
      waiting += 1
      return false
    }
    taken += 1
    return true
  }

  /// A pause is over: how many of those that wait are taken now, the first first; nil when none waits.
  mutating func next() -> Int? {
    taken = min(waiting, Self.slice)
    waiting -= taken
    return taken == 0 ? nil : taken
  }
}
