internal import PicoCore

/// Latencies of the last ten seconds in slots of two, each keeping only the octaves it saw: a kilobyte or two where traffic is, nothing
/// where there is none. Confined to one loop; recording allocates only while new octaves are seen.
struct RecentLatency {
  private static let slotCount = 6
  private static let slotNanoseconds: UInt64 = 2_000_000_000

  private struct Slot {
    var epoch: UInt64 = 0
    /// Of each octave the page's number plus one; 0 where it has none.
    var pages = InlineArray<32, UInt8>(repeating: 0)
    var maximum: UInt64 = 0
  }

  private var slots = InlineArray<6, Slot>(repeating: Slot())
  private var counters: ContiguousArray<UInt32> = []
  private var freePages: ContiguousArray<UInt8> = []

  mutating func record(nanoseconds: UInt64, now: UInt64) {
    let epoch = now / Self.slotNanoseconds
    let slot = Int(epoch % UInt64(Self.slotCount))
    if slots[slot].epoch != epoch { restart(slot, epoch) }
    let index = LatencyBuckets.index(nanoseconds: nanoseconds)
    let octave = index / LatencyBuckets.bucketsPerPage
    var page = Int(slots[slot].pages[octave])
    if page == 0 {
      page = takePage()
      slots[slot].pages[octave] = UInt8(page)
    }
    counters[(page &- 1) &* LatencyBuckets.bucketsPerPage &+ index % LatencyBuckets.bucketsPerPage] &+= 1
    if nanoseconds > slots[slot].maximum { slots[slot].maximum = nanoseconds }
  }

  private mutating func takePage() -> Int {
    if let page = freePages.popLast() { return Int(page) }
    counters.append(contentsOf: repeatElement(0, count: LatencyBuckets.bucketsPerPage))
    // 6 slots of 31 octaves: at most 186 pages.
    return counters.count / LatencyBuckets.bucketsPerPage
  }

  private mutating func restart(_ slot: Int, _ epoch: UInt64) {
    for octave in 0..<LatencyBuckets.pagesPerHistogram {
      let page = Int(slots[slot].pages[octave])
      guard page > 0 else { continue }
      for index in 0..<LatencyBuckets.bucketsPerPage { counters[(page &- 1) &* LatencyBuckets.bucketsPerPage &+ index] = 0 }
      freePages.append(UInt8(page))
      slots[slot].pages[octave] = 0
    }
    slots[slot].epoch = epoch
    slots[slot].maximum = 0
  }

  /// Adds what was recorded in the last ten seconds.
  func add(to histogram: inout LatencyHistogram, now: UInt64) {
    let epoch = now / Self.slotNanoseconds
    for slot in 0..<Self.slotCount where slots[slot].epoch &+ 5 > epoch {
      for octave in 0..<LatencyBuckets.pagesPerHistogram {
        let page = Int(slots[slot].pages[octave])
        guard page > 0 else { continue }
        for index in 0..<LatencyBuckets.bucketsPerPage {
          let count = counters[(page - 1) * LatencyBuckets.bucketsPerPage + index]
          if count > 0 { histogram.add(UInt64(count), toBucket: octave * LatencyBuckets.bucketsPerPage + index) }
        }
      }
    }
  }
}
