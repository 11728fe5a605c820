import PicoCore
import PicoStatus
import Testing

@testable import PicoTopCore

@Suite struct ReplayPlayerTests {
  /// An event each second, told by its sequence.
  private func player(_ count: Int = 10) -> ReplayPlayer {
    let entries = (0..<count).map { index in
      Recording.Entry(
        milliseconds: index * 1000, server: 0,
        event: .message(.update(Update(id: "u", sequence: UInt64(index), now: Timestamp(seconds: 0), total: 0))))
    }
    return ReplayPlayer(header: Recording.Header(started: Timestamp(seconds: 1000), servers: ["a"]), entries: entries)
  }

  private func numbers(_ events: [AppEvent]) -> [Int] {
    events.map { event in
      switch event {
      case .message(.update(let update), server: 0): Int(update.sequence)
      case .rewind: -1
      default: -2
      }
    }
  }

  @Test func `events come at their time`() {
    var player = player()
    #expect(numbers(player.due(at: .zero)) == [0])
    #expect(player.nextDue(at: .zero) == .seconds(1))
    #expect(numbers(player.due(at: .milliseconds(999))) == [])
    #expect(numbers(player.due(at: .seconds(3))) == [1, 2, 3])
    #expect(player.wall(at: .milliseconds(3500)) == Timestamp(seconds: 1003, nanoseconds: 500_000_000))
    #expect(numbers(player.due(at: .seconds(30))) == [4, 5, 6, 7, 8, 9])
    #expect(player.nextDue(at: .seconds(30)) == nil)
  }

  @Test func `a pause stops time, and it goes on where it was`() {
    var player = player()
    #expect(numbers(player.run(.pause, at: .seconds(1))) == [0, 1])
    #expect(numbers(player.due(at: .seconds(100))) == [])
    #expect(player.nextDue(at: .seconds(100)) == nil)
    #expect(player.wall(at: .seconds(100)) == Timestamp(seconds: 1001))
    #expect(numbers(player.run(.resume, at: .seconds(100))) == [])
    #expect(numbers(player.due(at: .seconds(101))) == [2])
  }

  @Test func `speed is a factor`() {
    var player = player()
    #expect(numbers(player.run(.speed(4), at: .seconds(1))) == [0, 1])
    #expect(player.nextDue(at: .seconds(1)) == .milliseconds(1250))
    #expect(numbers(player.due(at: .seconds(2))) == [2, 3, 4, 5])
  }

  @Test func `going on skips nothing, going back begins anew`() {
    var player = player()
    #expect(numbers(player.run(.seek(4), at: .zero)) == [0, 1, 2, 3, 4])
    #expect(numbers(player.run(.seek(-2), at: .milliseconds(500))) == [-1, 0, 1, 2])
    #expect(numbers(player.run(.seek(-100), at: .milliseconds(500))) == [-1, 0])
    #expect(numbers(player.run(.seek(100), at: .milliseconds(500))) == [1, 2, 3, 4, 5, 6, 7, 8, 9])
  }

  @Test func `a new subscription gets what came before it, also in a pause, and the same one again does not`() {
    var player = player()
    let subscription = Subscription(id: "listeners", tables: [.listeners])
    #expect(numbers(player.run(.pause, at: .seconds(2))) == [0, 1, 2])
    player.hear(.subscribe(subscription), server: 0)
    #expect(player.nextDue(at: .seconds(9)) == .seconds(9))
    #expect(numbers(player.due(at: .seconds(9))) == [-1, 0, 1, 2])
    player.hear(.subscribe(subscription), server: 0)
    #expect(player.nextDue(at: .seconds(9)) == nil)
    player.hear(.unsubscribe(id: "listeners"), server: 0)
    player.hear(.subscribe(subscription), server: 0)
    #expect(numbers(player.due(at: .seconds(9))) == [-1, 0, 1, 2])
  }
}
