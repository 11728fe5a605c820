internal import PicoCore
internal import PicoStatus

/// A request of a tail as a row: it never changes once it came.
struct RequestRow: FilterableRow, Equatable {
  /// Counts up.
  var number: Int
  var request: TailedRequest

  var key: String { NumberedKey.text(number) }

  static let fields: [RowField] = [
    .time, .status, .latency, .method, .path, .listener, .node, .bytesIn, .bytesOut, .request,
  ]
  static let nameFields: [RowField] = [.path, .listener, .request]

  func value(of field: RowField, now: Timestamp) -> FieldValue {
    switch field {
    case .time: .number(request.at.inSeconds)
    case .status: .number(Double(request.status))
    case .latency: .number(request.latency)
    case .method: .text(request.method)
    case .path: .text(request.path)
    case .listener: .text(request.listener)
    case .node: .text(request.node)
    case .bytesIn: .number(Double(request.bytesIn))
    case .bytesOut: .number(Double(request.bytesOut))
    case .request: .text(request.requestID)
    default: .absent
    }
  }
}

/// Keys of rows that are told by a number: they follow each other as the numbers do.
enum NumberedKey {
  static func text(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
  }
}
