/// What relays counted; kept by each loop for itself and added up by whoever reads.
struct RelayStatistics: Sendable {
  /// Streams that were taken.
  var streams: UInt64 = 0
  /// Final responses by the first digit of their status: 1 (a switch of protocols) to 5; index 0 is any other.
  var responses = InlineArray<6, UInt64>(repeating: 0)
  var connects: UInt64 = 0
  var connectFailures: UInt64 = 0
  /// Requests that took an idle connection.
  var reuses: UInt64 = 0
  /// Streams that the node reset, or whose request broke off.
  var cancelled: UInt64 = 0
  var timeouts: UInt64 = 0
  var malformedResponses: UInt64 = 0
  /// Connections lost in the middle of an exchange.
  var brokenOff: UInt64 = 0
  var bytesToUpstream: UInt64 = 0
  var bytesFromUpstream: UInt64 = 0

  init() {}

  mutating func add(_ other: RelayStatistics) {
    streams &+= other.streams
    for index in responses.indices { responses[index] &+= other.responses[index] }
    connects &+= other.connects
    connectFailures &+= other.connectFailures
    reuses &+= other.reuses
    cancelled &+= other.cancelled
    timeouts &+= other.timeouts
    malformedResponses &+= other.malformedResponses
    brokenOff &+= other.brokenOff
    bytesToUpstream &+= other.bytesToUpstream
    bytesFromUpstream &+= other.bytesFromUpstream
  }
}
