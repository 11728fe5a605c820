/// Which of a limited number of connections are open, and which gives way to a new one when there are as many as there may be: those that
/// never said anything first, then those between requests, then those whose request does not come to its end; the oldest of a kind first.
struct ConnectionPlaces {
  /// From what gives way first to what never does.
  enum Standing: Int {
    case silent
    case idle
    case receiving
    /// A request is being answered, or the connection is no longer one of requests.
    case busy
  }

  enum Admission: Equatable {
    case admitted
    case inPlaceOf(ObjectIdentifier)
    /// All are busy.
    case refused
  }

  private struct Place {
    var standing: Standing
    /// Rises with every change.
    var since: UInt64
  }

  private let maximum: Int
  private var places: [ObjectIdentifier: Place] = [:]
  private var changes: UInt64 = 0

  init(maximum: Int) { self.maximum = maximum }

  /// A new connection, silent so far. One that gave way is gone.
  mutating func add(_ connection: ObjectIdentifier) -> Admission {
    var admission = Admission.admitted
    if places.count >= maximum {
      let first = places.filter { $0.value.standing != .busy }
        .min { ($0.value.standing.rawValue, $0.value.since) < ($1.value.standing.rawValue, $1.value.since) }
      guard let first else { return .refused }
      places[first.key] = nil
      admission = .inPlaceOf(first.key)
    }
    changes &+= 1
    places[connection] = Place(standing: .silent, since: changes)
    return admission
  }

  /// Nothing for a connection that gave way.
  mutating func change(_ connection: ObjectIdentifier, to standing: Standing) {
    guard places[connection] != nil else { return }
    changes &+= 1
    places[connection] = Place(standing: standing, since: changes)
  }

  mutating func remove(_ connection: ObjectIdentifier) { places[connection] = nil }
}
