internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// What happened on this node, numbered from 1; the last 1,000 are kept. Written from any thread.
final class EventLog: Sendable {
  /// Who is told of an event.
  enum Audience: Equatable, Sendable {
    case everybody
    /// Whoever sees that tenant's endpoints.
    case tenant(TenantID)
    /// Whoever sees all tenants' endpoints.
    case fleet

    /// Of what somebody with the scope did.
    static func whoeverSees(_ scope: TenantScope) -> Audience {
      switch scope {
      case .all: .fleet
      case .only(let tenant): .tenant(tenant)
      }
    }

    func includes(_ scope: TenantScope) -> Bool {
      switch self {
      case .everybody: true
      case .tenant(let tenant): scope.contains(tenant)
      case .fleet: scope == .all
      }
    }
  }

  private struct State {
    var last: UInt64 = 0
    /// A ring: event `number` is at `number % capacity`.
    var kept: [(event: StatusEvent, audience: Audience)] = []
    var observer: (@Sendable (StatusEvent) -> Void)?
  }

  static let capacity = 1000
  private let node: String
  private let state = Locked(State())

  init(node: NodeID) { self.node = node.text }

  func record(_ kind: StatusEvent.Kind, _ details: [String: String], shownTo audience: Audience) {
    let at = Timestamp.now()
    let (event, observer) = state.withLock { state in
      state.last += 1
      let event = StatusEvent(at: at, kind: kind, node: node, number: state.last, details: details)
      if state.kept.count < Self.capacity {
        state.kept.append((event, audience))
      } else {
        state.kept[Int((state.last - 1) % UInt64(Self.capacity))] = (event, audience)
      }
      return (event, state.observer)
    }
    observer?(event)
  }

  /// Those for the scope that are kept with a higher number, the oldest first.
  func events(after number: UInt64, _ scope: TenantScope = .all) -> [StatusEvent] {
    state.withLock { state in
      let first = max(number, state.last - UInt64(state.kept.count)) + 1
      guard first <= state.last else { return [] }
      let kept = state.kept
      return (first...state.last).lazy.map { kept[Int(($0 - 1) % UInt64(Self.capacity))] }
        .filter { $0.audience.includes(scope) }.map(\.event)
    }
  }

  /// Those that another node is told for its watchers, with who may see them. Who left is told by whoever noticed it himself.
  func eventsForNodes(after number: UInt64) -> [StatusEvent] {
    state.withLock { state in
      let first = max(number, state.last - UInt64(state.kept.count)) + 1
      guard first <= state.last else { return [] }
      let kept = state.kept
      return (first...state.last).lazy.map { kept[Int(($0 - 1) % UInt64(Self.capacity))] }
        .filter { $0.event.kind != .nodeLeft }
        .map { event, audience in
          var event = event
          event.details[Audience.member] = audience.text
          return event
        }
    }
  }

  /// Called with each new event, on the thread that recorded it; nil for nobody.
  func observe(_ observer: (@Sendable (StatusEvent) -> Void)?) {
    state.withLock { $0.observer = observer }
  }
}
