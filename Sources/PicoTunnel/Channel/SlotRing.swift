/// A queue of slots in a ring that grows by doubling and never shrinks.
struct SlotRing: Sendable {
  private var slots: ContiguousArray<Int32> = []
  private var head = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ slot: Int) {
    if count == slots.count { grow() }
    slots[(head &+ count) & (slots.count &- 1)] = Int32(slot)
    count &+= 1
  }

  mutating func popFirst() -> Int? {
    guard count > 0 else { return nil }
    let slot = slots[head]
    head = (head &+ 1) & (slots.count &- 1)
    count &-= 1
    return Int(slot)
  }

  private mutating func grow() {
    var larger = ContiguousArray<Int32>(repeating: 0, count: max(8, slots.count * 2))
    for index in 0..<count { larger[index] = slots[(head + index) & (slots.count - 1)] }
    slots = larger
    head = 0
  }
}
