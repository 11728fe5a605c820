internal import NIOWebSocket

/// The way out to one watcher: a dashboard, or another node that has some.
protocol StatusOutlet: AnyObject, Sendable {
  /// Bytes that wait for the other end.
  var waitingBytes: Int { get }
  var hasRoom: Bool { get }

  /// One message. It waits for as long as the other end takes: ask ``hasRoom`` first where many follow each other.
  func send(_ json: [UInt8])

  /// Says why, where the other end is told so, and ends.
  func close(_ code: WebSocketErrorCode) async
}

extension WatchOutlet: StatusOutlet {}

extension ConversationLine: StatusOutlet {
  func send(_ json: [UInt8]) { say(json) }
  func close(_ code: WebSocketErrorCode) async { end() }
}
