internal import PicoCore
internal import PicoStatus
internal import Synchronization

/// Requests of endpoints that somebody tails, from the loops to whoever shows them. Bounded: what comes faster than it is taken is counted
/// and not kept.
final class TailLog: Sendable {
  /// What came of one endpoint since the last look.
  struct Records: Sendable {
    var requests: [TailedRequest] = []
    /// Requests that were to be kept and for which there was no room.
    var skipped = 0
  }

  /// Requests of one endpoint between two looks.
  static let capacity = 200
  private let records = Locked<[EndpointID: Records]>([:])

  func record(_ request: TailedRequest, of endpoint: EndpointID) {
    records.withLock { records in
      if records[endpoint, default: Records()].requests.count < Self.capacity {
        records[endpoint, default: Records()].requests.append(request)
      } else {
        records[endpoint, default: Records()].skipped += 1
      }
    }
  }

  func take() -> [EndpointID: Records] {
    records.withLock { records in
      defer { records = [:] }
      return records
    }
  }
}

/// The part of an endpoint's requests that is tailed, as loops compare it with 32 random bits: 0 is none.
struct TailShare: Equatable, Sendable {
  let threshold: UInt32

  static let none = TailShare(threshold: 0)

  init(threshold: UInt32) { self.threshold = threshold }

  /// From 0 to 1.
  init(_ share: Double) {
    threshold = share >= 1 ? .max : share <= 0 ? 0 : max(1, UInt32(share * Double(UInt32.max)))
  }

  func takes(_ random: UInt64) -> Bool {
    threshold == .max || UInt32(truncatingIfNeeded: random >> 32) < threshold
  }
}
