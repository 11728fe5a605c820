internal import PicoCore
internal import Synchronization

/// Who used how much of a rate, by address. Shared by all loops, so that one who opens many connections has no more than one; bounded, and what
/// it holds is allocated once.
///
/// A table of sets: the address says which set, and a set has room for eight. A new address takes the place of the one whose burst is full
/// soonest. Most often that is one whose burst is full already, and forgetting that one changes nothing; with more than eight that are not, the
/// one that used least gains a little, and those that use most are never forgotten. Whoever finds addresses that share a set wins no more.
final class AddressRates: Sendable {
  private struct Entry {
    var address: IPAddress
    var fullAt: UInt64
  }

  /// Loops meet here, so each part has a lock of its own. Empty until it is needed.
  private final class Part: Sendable {
    let entries = Locked<[Entry]>([])
  }

  private static let partCount = 64
  private static let ways = 8

  private let parts: [Part]
  private let setsOfPart: Int
  private let seed: (UInt64, UInt64)

  /// - Parameter capacity: addresses at most, 24 bytes each.
  init(capacity: Int = 65_536) {
    parts = (0..<Self.partCount).map { _ in Part() }
    setsOfPart = max(1, capacity / Self.partCount / Self.ways)
    seed = (.random(in: 0 ... .max), .random(in: 0 ... .max))
  }

  /// Takes one of the address's share; false when it has none left.
  func take(_ address: IPAddress, _ rate: Rate, now: UInt64) -> Bool {
    visit(address) { entries, set in
      let address = address.rateKey
      var oldest = set.lowerBound
      for index in set {
        if entries[index].address == address { return rate.take(fullAt: &entries[index].fullAt, now: now) }
        if entries[index].fullAt < entries[oldest].fullAt { oldest = index }
      }
      entries[oldest] = Entry(address: address, fullAt: 0)
      return rate.take(fullAt: &entries[oldest].fullAt, now: now)
    }
  }

  /// Whether the address has some of its share left.
  func hasRoom(_ address: IPAddress, _ rate: Rate, now: UInt64) -> Bool {
    visit(address) { entries, set in
      let address = address.rateKey
      for index in set where entries[index].address == address { return rate.hasRoom(fullAt: entries[index].fullAt, now: now) }
      return true
    }
  }

  private func visit(_ address: IPAddress, _ body: (inout [Entry], Range<Int>) -> Bool) -> Bool {
    let hash = hash(address.rateKey)
    let first = Int(hash >> 32) % setsOfPart * Self.ways
    return parts[Int(hash & UInt64(Self.partCount - 1))].entries.withLock { entries in
      if entries.isEmpty {
        entries = Array(repeating: Entry(address: IPAddress(high: 0, low: 0), fullAt: 0), count: setsOfPart * Self.ways)
      }
      return body(&entries, first..<first + Self.ways)
    }
  }

  /// Spreads addresses that differ in a few bits.
  private func hash(_ address: IPAddress) -> UInt64 {
    var hash = (address.high ^ seed.0) &* 0x9E37_79B9_7F4A_7C15
    hash ^= hash >> 32
    hash = (hash ^ address.low ^ seed.1) &* 0xD6E8_FEB8_6659_FD93
    return hash ^ hash >> 29
  }
}

extension IPAddress {
  /// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, of which one household has all.
  var rateKey: IPAddress { isIPv4 ? self : IPAddress(high: high, low: 0) }
}
