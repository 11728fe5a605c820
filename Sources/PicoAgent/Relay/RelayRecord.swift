internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel

/// What the access log says of one exchange; made only where there is a log.
struct RelayRecord {
  var startedAt: UInt64
  var method = ""
  var target = ""
  var requestID = ""
  /// 0 while there is no final response.
  var status = 0
  var bytesIn: UInt64 = 0
  var bytesOut: UInt64 = 0
  /// Why it failed.
  var failure: StreamResetCode?

  init(startedAt: UInt64) { self.startedAt = startedAt }

  mutating func take(_ head: borrowing RequestHead, _ bytes: RawSpan) {
    method = head.methodSlice.text(in: bytes)
    target = head.target.text(in: bytes)
    requestID = head.requestID?.text(in: bytes) ?? ""
  }

  func write(to log: AccessLog, endpoint: EndpointID, now: UInt64) {
    log.write { line in
      line.field("endpoint", endpoint.name)
      if !method.isEmpty {
        line.field("method", method)
        line.field("target", target)
      }
      if status > 0 { line.field("status", UInt64(status)) }
      if let failure { line.field("error", "\(failure)") }
      line.field("duration_ms", nanoseconds: now &- startedAt)
      line.field("bytes_to_upstream", bytesIn)
      line.field("bytes_from_upstream", bytesOut)
      if !requestID.isEmpty { line.field("request_id", requestID) }
    }
  }
}
