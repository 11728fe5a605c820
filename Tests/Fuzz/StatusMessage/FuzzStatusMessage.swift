import FuzzDriver
import PicoStatus

/// Messages of the status WebSocket and filters come from anybody: whatever is read must mean the same when written again, and a filter must
/// end soon on any row.
@main
struct FuzzStatusMessage {
  static func main() {
    let status = FuzzDriver.run { input in
      guard let choice = input.first else { return }
      let rest = Array(input.dropFirst())
      switch choice % 3 {
      case 0:
        guard let message = try? ServerMessage(json: rest) else { return }
        if case .unknown = message { return }
        let again = try? ServerMessage(json: message.json)
        FuzzDriver.expect(again.map { $0.json == message.json } ?? false, "written again: \(message)")
      case 1:
        guard let message = try? ClientMessage(json: rest) else { return }
        let again = try? ClientMessage(json: message.json)
        FuzzDriver.expect(again.map { $0.json == message.json } ?? false, "written again: \(message)")
      default:
        guard let filter = try? FilterExpression(String(decoding: rest, as: UTF8.self)) else { return }
        _ = filter.matches(EndpointRow(id: String(repeating: "a", count: 128), requestRate: 12, latency: .init(p99: 5)))
      }
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }
}
