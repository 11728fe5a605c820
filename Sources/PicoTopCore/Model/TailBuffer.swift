internal import PicoStatus

/// The last requests of a tail, the newest last.
struct TailBuffer: Sendable {
  struct Line: NumberedLine, Equatable {
    /// Counts up; tells lines apart.
    var number: Int
    var server: Int
    var request: TailedRequest
  }

  /// Of which tail; others' requests are not taken.
  private(set) var id: String?
  /// Of which endpoint.
  private(set) var subject: RowKey?
  private(set) var lines: [Line] = []
  /// Requests that came and are not here, as the server said.
  private(set) var skipped = 0
  private var next = 0

  static let capacity = 2000

  /// The lines stay when it is the same endpoint, over a new connection.
  mutating func start(id: String, of subject: RowKey) {
    if subject != self.subject { self = TailBuffer() }
    self.id = id
    self.subject = subject
  }

  mutating func stop() { self = TailBuffer() }

  mutating func add(_ request: TailedRequest, server: Int) {
    guard request.id == id else { return }
    lines.append(Line(number: next, server: server, request: request))
    next += 1
    skipped = skipped.addingReportingOverflow(max(0, request.skipped)).partialValue
    if lines.count > Self.capacity { lines.removeFirst(Self.capacity / 2) }
  }
}
