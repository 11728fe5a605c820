import FuzzDriver
import PicoCore

@testable import PicoServer

/// What nodes say to each other of actions, of routes, and of blocks in the store: whatever is read must mean the same when written again.
@main
struct FuzzActionMessage {
  static let now: UInt64 = 1_000_000_000_000
  static let wall = Timestamp(seconds: 1_700_000_000)

  static func main() {
    let status = FuzzDriver.run { input in
      guard let choice = input.first else { return }
      let rest = Array(input.dropFirst())
      switch choice % 4 {
      case 0: checkQuestion(rest)
      case 1:
        guard let answer = try? ActionAnswer(json: rest) else { return }
        let again = try? ActionAnswer(json: answer.json)
        FuzzDriver.expect(again == answer, "written again: \(answer) \(String(describing: again))")
      case 2:
        guard let message = try? RouteMessage(json: rest) else { return }
        checkRoutes(message)
      default:
        guard let record = try? BlockRecord.read(json: rest, now: now, wall: wall) else { return }
        FuzzDriver.expect(record.deadline > now && record.deadline <= now + 86_400_000_000_000, "for \(record.deadline - now) ns")
        let again = try? BlockRecord.read(json: record.json(now: now), now: now, wall: wall)
        FuzzDriver.expect(again == record, "written again: \(record) \(String(describing: again))")
      }
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  static func checkQuestion(_ bytes: [UInt8]) {
    guard let read = try? ActionQuestion.read(json: bytes, now: now, wall: wall) else { return }
    // Listeners may be named twice, of which one number stays; what is written names each once more.
    let first = try? ActionQuestion.read(json: read.json(now: now), now: now, wall: wall)
    FuzzDriver.expect(first != nil, "not read again: \(read)")
    let second = first.flatMap { try? ActionQuestion.read(json: $0.json(now: now), now: now, wall: wall) }
    FuzzDriver.expect(first == second, "written again: \(String(describing: first)) \(String(describing: second))")
  }

  static func checkRoutes(_ message: RouteMessage) {
    // Which of several members counts is said by what is written.
    let first = try? RouteMessage(json: message.json)
    FuzzDriver.expect(first != nil, "not read again: \(message)")
    FuzzDriver.expect(first?.ask == message.ask && first?.listeners == message.listeners, "written again: \(message)")
    let second = first.flatMap { try? RouteMessage(json: $0.json) }
    FuzzDriver.expect(first == second, "\(String(describing: first)) \(String(describing: second))")
  }
}
