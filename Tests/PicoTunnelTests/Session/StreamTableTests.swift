import PicoTunnel
import Testing

@Suite struct StreamTableTests {
  /// How the IDs of a walk are chosen: rising as a peer's do, in one clump, or anywhere.
  enum Choice: CaseIterable, Sendable {
    case rising
    case colliding
    case anywhere
  }

  @Test(arguments: Choice.allCases, 0..<20)
  func `agrees with a dictionary on a random walk`(choice: Choice, seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var table = StreamTable()
    var model: [UInt32: Int] = [:]
    var gone: [UInt32] = []
    var next: UInt32 = 1
    let target = 1 + random.below(300)
    for _ in 0..<2000 {
      let grows = model.count < target ? !random.oneIn(3) : random.oneIn(3)
      if grows || model.isEmpty {
        let id: UInt32 =
          switch choice {
          case .rising: next
          // The same place in any table of up to 4,096 entries.
          case .colliding: next << 13 | 6
          case .anywhere: UInt32(truncatingIfNeeded: random.next()) | 1
          }
        next += 2
        guard model[id] == nil else { continue }
        let slot = random.below(5000)
        model[id] = slot
        table.insert(id, slot: slot)
      } else if let id = model.keys.sorted().randomElement(using: &random) {
        model[id] = nil
        table.remove(id)
        gone.append(id)
        if random.oneIn(4) { table.remove(id) }
      }
      #expect(table.count == model.count)
      if random.oneIn(20) {
        for (id, slot) in model { #expect(table.slot(of: id) == slot) }
        for id in gone where model[id] == nil { #expect(table.slot(of: id) == nil) }
      }
    }
    for id in model.keys { table.remove(id) }
    #expect(table.count == 0)
    #expect(model.keys.allSatisfy { table.slot(of: $0) == nil })
  }

  @Test func `knows nothing when it is empty`() {
    var table = StreamTable()
    #expect(table.slot(of: 1) == nil)
    table.remove(1)
    #expect(table.count == 0)
  }
}
