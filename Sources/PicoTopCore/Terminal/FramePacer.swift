/// When the next frame may be drawn: not before the terminal has shown the last one, which it says when asked (`ESC [5n`), so that what is
/// on a slow screen is never old. Times are since the start.
package struct FramePacer: Sendable {
  /// 60 a second while a person scrolls.
  static let keyInterval = Duration.milliseconds(16)
  /// 10 a second for what comes from servers.
  static let dataInterval = Duration.milliseconds(100)
  /// A terminal that takes longer gets the next frame without having answered.
  static let answerLimit = Duration.milliseconds(1000)
  /// After so many questions without an answer no more are asked.
  static let maximumUnanswered = 3

  private enum Wish: Comparable { case none, data, key }

  private var wish = Wish.none
  private var shownAt: Duration?
  private var askedAt: Duration?
  private var unanswered = 0

  package init() {}

  /// Whether a question belongs behind the frame that is drawn now.
  package var asks: Bool { unanswered + (isWaiting ? 1 : 0) < Self.maximumUnanswered }

  /// A frame is out and the terminal has not said that it has shown it.
  package var isWaiting: Bool { askedAt != nil }

  /// Something changed: because of a person if `isKey`.
  package mutating func want(isKey: Bool) { wish = max(wish, isKey ? .key : .data) }

  /// nil when nothing changed.
  package func due() -> Duration? {
    guard wish != .none else { return nil }
    let interval = wish == .key ? Self.keyInterval : Self.dataInterval
    let paced = shownAt.map { $0 + interval } ?? .zero
    return max(paced, askedAt.map { $0 + Self.answerLimit } ?? .zero)
  }

  /// A frame was made at that time; `asked` if something of it went to the terminal, with a question behind it.
  package mutating func drew(at now: Duration, asked: Bool) {
    if askedAt != nil { unanswered += 1 }
    wish = .none
    shownAt = now
    askedAt = asked ? now : nil
  }

  package mutating func answered() {
    askedAt = nil
    unanswered = 0
  }
}
