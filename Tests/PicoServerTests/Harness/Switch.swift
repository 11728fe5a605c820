import Synchronization

/// True for the first who asks.
final class Switch: Sendable {
  private let asked = Atomic<Bool>(false)
  func turn() -> Bool { !asked.exchange(true, ordering: .relaxed) }
}

/// Something that a script waits for the test to say.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}

extension String {
  /// How often the part occurs.
  func components(of part: String) -> Int { ranges(of: part).count }
}

/// A number that a task counts up and the test reads.
final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func add(_ number: Int) { count.add(number, ordering: .relaxed) }
}
