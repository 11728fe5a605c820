internal import PicoCore
internal import PicoStatus

/// Latencies of the last ten seconds in slots of one, each keeping only the octaves it saw: a kilobyte or two where traffic is, nothing
/// where there is none. Confined to one loop; recording allocates only while new octaves are seen.
struct RecentLatency {
  /// One that is written, nine more of the window, and two that are whole for whoever comes a little late.
  private static let slotCount = 12
  private static let window: UInt64 = 10
  private static let slotNanoseconds: UInt64 = 1_000_000_000

  private struct Slot {
    var epoch: UInt64 = 0
    var maximum: UInt64 = 0
    /// One bit for each octave that has a page.
    var octaves: UInt32 = 0
    /// Of each octave the page's number plus one; 0 where it has none.
    var pages = InlineArray<32, UInt16>(repeating: 0)
  }

  /// Empty until the first latency.
  private var slots: ContiguousArray<Slot> = []
  private var counters: ContiguousArray<UInt32> = []
  private var freePages: ContiguousArray<UInt16> = []

  mutating func record(nanoseconds: UInt64, now: UInt64) {
    if slots.isEmpty { slots = ContiguousArray(repeating: Slot(), count: Self.slotCount) }
    let epoch = now / Self.slotNanoseconds
    let slot = Int(epoch % UInt64(Self.slotCount))
    if slots[slot].epoch != epoch { restart(slot, epoch) }
    let index = LatencyBuckets.index(nanoseconds: nanoseconds)
    let octave = index / LatencyBuckets.bucketsPerPage
    var page = Int(slots[slot].pages[octave])
    if page == 0 {
      page = takePage()
      slots[slot].pages[octave] = UInt16(page)
      slots[slot].octaves |= 1 << UInt32(octave)
    }
    counters[(page &- 1) &* LatencyBuckets.bucketsPerPage &+ index % LatencyBuckets.bucketsPerPage] &+= 1
    if nanoseconds > slots[slot].maximum { slots[slot].maximum = nanoseconds }
  }

  private mutating func takePage() -> Int {
    if let page = freePages.popLast() { return Int(page) }
    counters.append(contentsOf: repeatElement(0, count: LatencyBuckets.bucketsPerPage))
    return counters.count / LatencyBuckets.bucketsPerPage
  }

  private mutating func restart(_ slot: Int, _ epoch: UInt64) {
    for octave in 0..<LatencyBuckets.pagesPerHistogram where slots[slot].octaves & 1 << UInt32(octave) != 0 {
      let page = Int(slots[slot].pages[octave])
      for index in 0..<LatencyBuckets.bucketsPerPage { counters[(page &- 1) &* LatencyBuckets.bucketsPerPage &+ index] = 0 }
      freePages.append(UInt16(page))
      slots[slot].pages[octave] = 0
    }
    slots[slot].octaves = 0
    slots[slot].epoch = epoch
    slots[slot].maximum = 0
  }

  /// Forgets everything and gives the memory back.
  mutating func clear() { self = RecentLatency() }

  /// What was recorded in the last ten seconds.
  func counts(now: UInt64) -> LatencyCounts {
    let epoch = now / Self.slotNanoseconds
    return counts { $0 <= epoch && $0 &+ Self.window > epoch }
  }

  /// What was recorded in one whole second; `epoch` is at most two seconds ago.
  func counts(epoch: UInt64) -> LatencyCounts { counts { $0 == epoch } }

  private func counts(where isWanted: (UInt64) -> Bool) -> LatencyCounts {
    var octaves: UInt32 = 0
    var maximum: UInt64 = 0
    var wanted: UInt32 = 0
    for slot in slots.indices where slots[slot].octaves != 0 && isWanted(slots[slot].epoch) {
      octaves |= slots[slot].octaves
      maximum = max(maximum, slots[slot].maximum)
      wanted |= 1 << UInt32(slot)
    }
    var counts = LatencyCounts()
    counts.maximumNanoseconds = maximum
    while octaves != 0 {
      let octave = octaves.trailingZeroBitCount
      octaves &= octaves &- 1
      var sums = InlineArray<16, UInt64>(repeating: 0)
      for slot in slots.indices where wanted & 1 << UInt32(slot) != 0 {
        let page = Int(slots[slot].pages[octave])
        guard page > 0 else { continue }
        let start = (page &- 1) &* LatencyBuckets.bucketsPerPage
        for index in 0..<LatencyBuckets.bucketsPerPage { sums[index] &+= UInt64(counters[start &+ index]) }
      }
      for index in 0..<LatencyBuckets.bucketsPerPage where sums[index] > 0 {
        counts.buckets.append(LatencyBucket(index: octave &* LatencyBuckets.bucketsPerPage &+ index, count: sums[index]))
      }
    }
    return counts
  }
}
