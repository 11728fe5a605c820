internal import PicoStatus

/// Which requests are looked at as they end.
struct Tail: Sendable {
  /// Of the message that asked; others' requests are not taken.
  var id: String?
  /// Of which endpoint.
  var subject: RowKey?
  /// Requests that came and are not here, as the server said.
  var skipped = 0
  /// The connection that it came over is gone.
  var isLost = false
  var numbers = RowNumbers()
}
