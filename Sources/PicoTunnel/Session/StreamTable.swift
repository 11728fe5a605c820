/// Maps stream IDs to slots: open addressing with linear probing, no allocation while the number of streams stands.
///
/// IDs of one side rise by two, so `id >> 1` spreads them without a collision until the table wraps.
package struct StreamTable: Sendable {
  private var keys: ContiguousArray<UInt32> = []
  private var slots: ContiguousArray<Int32> = []
  package private(set) var count = 0

  package init() {}

  @inline(__always)
  private func home(_ id: UInt32) -> Int { Int(id >> 1) & (keys.count &- 1) }

  /// The slot of `id`, or nil. ID 0 is the session's own and never stored.
  package func slot(of id: UInt32) -> Int? {
    guard count > 0 else { return nil }
    var index = home(id)
    while keys[index] != 0 {
      if keys[index] == id { return Int(slots[index]) }
      index = (index &+ 1) & (keys.count &- 1)
    }
    return nil
  }

  package mutating func insert(_ id: UInt32, slot: Int) {
    if (count &+ 1) &* 2 > keys.count { grow() }
    var index = home(id)
    while keys[index] != 0 { index = (index &+ 1) & (keys.count &- 1) }
    keys[index] = id
    slots[index] = Int32(slot)
    count &+= 1
  }

  package mutating func remove(_ id: UInt32) {
    guard count > 0 else { return }
    let mask = keys.count &- 1
    var index = home(id)
    while keys[index] != id {
      if keys[index] == 0 { return }
      index = (index &+ 1) & mask
    }
    count &-= 1
    // Entries behind the hole move up when the hole lies between their home and them.
    var hole = index
    var next = (index &+ 1) & mask
    while keys[next] != 0 {
      let distance = (next &- home(keys[next])) & mask
      if distance >= (next &- hole) & mask {
        keys[hole] = keys[next]
        slots[hole] = slots[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    keys[hole] = 0
  }

  private mutating func grow() {
    let oldKeys = keys
    let oldSlots = slots
    let capacity = max(8, oldKeys.count * 2)
    keys = ContiguousArray(repeating: 0, count: capacity)
    slots = ContiguousArray(repeating: 0, count: capacity)
    count = 0
    for (index, key) in oldKeys.enumerated() where key != 0 { insert(key, slot: Int(oldSlots[index])) }
  }
}
