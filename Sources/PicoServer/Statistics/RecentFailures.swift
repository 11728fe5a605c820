internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// The last failures of an endpoint. Written from any loop, on the branch of a failure alone; it takes memory from the first one on.
final class RecentFailures: Sendable {
  static let capacity = 50

  private struct Ring {
    var kept: [RecentErrors.Failure] = []
    var next = 0
  }

  private let ring = Locked(Ring())

  func record(_ failure: RecentErrors.Failure) {
    ring.withLock { ring in
      if ring.kept.count < Self.capacity {
        ring.kept.append(failure)
      } else {
        ring.kept[ring.next] = failure
      }
      ring.next = (ring.next + 1) % Self.capacity
    }
  }

  /// The newest last.
  var all: [RecentErrors.Failure] {
    ring.withLock { ring in
      ring.kept.count < Self.capacity ? ring.kept : Array(ring.kept[ring.next...] + ring.kept[..<ring.next])
    }
  }
}
