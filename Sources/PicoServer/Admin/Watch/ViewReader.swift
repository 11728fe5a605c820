internal import PicoCore
internal import PicoStatus

/// How far one subscription of one connection is in a view, and what it is sent next: the sequence, snapshots in parts, and the catching up of
/// a reader that was left behind. A value: it is told whether there is room and gives messages.
///
/// ```
///            snapshot or catch-up is out
///   sending ─────────────────────────────▶ level (of a version)
///      ▲                                      │ next version: an update
///      └──────────────────────────────────────┘
///         resync, or a version was missed: what changed since goes out as whole rows
/// ```
struct ViewReader: Sendable {
  private struct Transfer {
    var isSnapshot: Bool
    var places: [StatusView.Place]
    var removed: [StatusTable: [String]]
    /// Rows that are out.
    var sent = 0
    var part = 1
    /// What the reader has when all is out.
    var version: UInt64
  }

  private enum State {
    case sending(Transfer)
    case level(version: UInt64)
  }

  let id: String
  /// Of the last message.
  private(set) var sequence: UInt64 = 0
  private var state: State
  /// Versions in a row that there was no room for.
  private(set) var missed = 0

  /// Begins with a snapshot.
  init(id: String, _ view: StatusView) {
    self.id = id
    state = .sending(Self.snapshot(of: view))
  }

  /// Begins again with a snapshot, in the same sequence.
  mutating func resync(_ view: StatusView) { state = .sending(Self.snapshot(of: view)) }

  private static func snapshot(of view: StatusView) -> Transfer {
    Transfer(isSnapshot: true, places: view.places, removed: [:], version: view.version)
  }

  /// The view has a version that was not there before. The messages to send at once; without room there are none, and what was missed is
  /// made up for later.
  mutating func advance(_ view: StatusView, now: Timestamp, hasRoom: Bool) -> [[UInt8]] {
    guard case .level(let version) = state, version < view.version else { return [] }
    guard hasRoom else {
      missed += 1
      return []
    }
    if version + 1 == view.version, view.fragments.reduce(0, { $0 + $1.count }) <= Self.maximumBurst {
      state = .level(version: view.version)
      missed = 0
      return view.fragments.map { update($0, view, now) }
    }
    missed = 0
    if let changes = view.changes(since: version) {
      state = .sending(Transfer(isSnapshot: false, places: changes.places, removed: changes.removed, version: view.version))
    } else {
      resync(view)
    }
    return []
  }

  /// Bytes of one version that are handed over without asking for room in between.
  private static let maximumBurst = 1 << 20

  /// The next part of a snapshot or of catching up; nil when all is out. Asked for while there is room.
  mutating func next(_ view: StatusView, now: Timestamp) -> [UInt8]? {
    guard case .sending(var transfer) = state else { return nil }
    let end = min(transfer.sent + StatusView.rowsPerMessage, transfer.places.count)
    let rows = view.rows(at: transfer.places[transfer.sent..<end], areNew: transfer.isSnapshot)
    let parts = max(1, (transfer.places.count + StatusView.rowsPerMessage - 1) / StatusView.rowsPerMessage)
    let message: [UInt8]
    if transfer.isSnapshot {
      sequence += 1
      message =
        ServerMessage.snapshot(
          Snapshot(id: id, sequence: sequence, now: now, total: view.total, part: transfer.part, parts: parts, tables: rows)
        ).json
    } else {
      var writer = JSONWriter(capacity: 512 * (end - transfer.sent))
      Update(id: id, sequence: 0, now: now, total: 0, tables: rows, removed: transfer.removed).writeChanges(to: &writer)
      transfer.removed = [:]
      message = update(writer.bytes, view, now)
    }
    transfer.sent = end
    transfer.part += 1
    state = end < transfer.places.count ? .sending(transfer) : .level(version: transfer.version)
    return message
  }

  private mutating func update(_ fragment: [UInt8], _ view: StatusView, _ now: Timestamp) -> [UInt8] {
    sequence += 1
    var writer = JSONWriter(capacity: 160 + fragment.count)
    writer.object { writer in
      Update(id: id, sequence: sequence, now: now, total: view.total).writeEnvelope(to: &writer)
      writer.fragment(fragment)
    }
    return writer.bytes
  }
}
