internal import PicoCore
internal import PicoStatus

/// A refusal of registrations that an operator set. One action is one block, for however many listeners it was.
struct Block: Equatable, Sendable {
  /// `b-` and 16 hexadecimal digits.
  var id: String
  var scope: BlockScope
  /// In the order in which they were named.
  var subjects: [BlockSubject]
  /// How it ends listeners that it covers.
  var mode: Disconnect.Mode
  var by: String
  var reason: String
  var since: Timestamp
  /// For people and for nodes that read it from the store; here it ends at `deadline`, whatever becomes of the time of day.
  var until: Timestamp
  /// Steady nanoseconds, as of `LoopResources.now()`.
  var deadline: UInt64

  init(
    scope: BlockScope, subjects: [BlockSubject], mode: Disconnect.Mode = .drain, seconds: Int, by: String, reason: String, since: Timestamp,
    now: UInt64
  ) {
    id = "b-" + Hexadecimal.text(.random(in: 0 ... .max))
    self.scope = scope
    self.subjects = subjects
    self.mode = mode
    self.by = by
    self.reason = reason
    self.since = since
    until = Timestamp(milliseconds: since.milliseconds + Int64(seconds) * 1000)
    deadline = now &+ UInt64(seconds) * 1_000_000_000
  }

  /// Rounded up, so that whoever waits for them finds the block gone; at least 1.
  func secondsLeft(now: UInt64) -> Int {
    guard deadline > now else { return 1 }
    return Int((deadline - now + 999_999_999) / 1_000_000_000)
  }

  /// Whether it is the later one of two that refuse the same. Every node finds the same, in whatever order it hears of them.
  func isLater(than other: Block) -> Bool { (since.milliseconds, id) > (other.since.milliseconds, other.id) }

  /// Whether all that it refuses is of tenants of the scope.
  func isWithin(_ scope: TenantScope) -> Bool { subjects.allSatisfy { scope.contains($0.tenant) } }

  private static let namedSubjects = 3

  var row: BlockRow {
    let named = subjects.prefix(Self.namedSubjects).map(\.text)
    let others = subjects.count - named.count
    let endpoints = Set(subjects.map(\.endpoint))
    let tenants = Set(subjects.map(\.tenant))
    return BlockRow(
      id: id, scope: scope, match: (named + (others > 0 ? ["\(others) more"] : [])).joined(separator: ", "),
      endpoint: endpoints.count == 1 ? endpoints.first??.name : nil,
      tenant: tenants.count == 1 ? tenants.first?.name ?? "" : "", by: by, reason: reason, since: since, until: until)
  }
}
