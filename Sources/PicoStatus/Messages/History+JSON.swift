internal import PicoCore

extension History {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", "history")
    writer.member("endpoint", endpoint)
    writer.member("now", now)
    writer.member("series", series)
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(endpoint: nil, now: Timestamp(seconds: 0), series: [])
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "endpoint": endpoint = try String?(from: &reader)
      case "now": now = try Timestamp(from: &reader)
      case "series": series = try Array(from: &reader)
      default: try reader.skip()
      }
    }
  }
}

extension HistorySeries: JSONValue {
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("step_ms", stepMilliseconds)
      writer.member("from", from)
      writer.member("request_rate", points.map(\.requestRate))
      writer.member("error_rate", points.map(\.errorRate))
      writer.member("p50", points.map(\.p50))
      writer.member("p90", points.map(\.p90))
      writer.member("p99", points.map(\.p99))
      writer.member("latency_buckets", points.map(\.latencyBuckets))
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(stepMilliseconds: 0, from: Timestamp(seconds: 0), points: [])
    var rates: [Double] = []
    var errors: [Double] = []
    var p50: [Double] = []
    var p90: [Double] = []
    var p99: [Double] = []
    var buckets: [[LatencyBucket]] = []
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "step_ms": stepMilliseconds = try reader.integer()
      case "from": from = try Timestamp(from: &reader)
      case "request_rate": rates = try Array(from: &reader)
      case "error_rate": errors = try Array(from: &reader)
      case "p50": p50 = try Array(from: &reader)
      case "p90": p90 = try Array(from: &reader)
      case "p99": p99 = try Array(from: &reader)
      case "latency_buckets": buckets = try Array(from: &reader)
      default: try reader.skip()
      }
    }
    let count = rates.count
    guard stepMilliseconds > 0, [errors.count, p50.count, p90.count, p99.count, buckets.count].allSatisfy({ $0 == count }) else {
      throw reader.failure("a series whose members differ in length")
    }
    points = rates.indices.map { index in
      Point(
        requestRate: rates[index], errorRate: errors[index], p50: p50[index], p90: p90[index], p99: p99[index],
        latencyBuckets: buckets[index])
    }
  }
}

extension RecentErrors {
  init(from reader: inout JSONReader) throws(JSONError) {
    self.init(endpoint: "", errors: [])
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "endpoint": endpoint = try reader.string()
      case "errors": errors = try Array(from: &reader)
      default: try reader.skip()
      }
    }
  }
}

extension RecentErrors.Failure {
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("at", at)
      writer.member("code", code)
      writer.member("status", status)
      writer.member("listener", listener)
      writer.member("request_id", requestID)
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init(at: Timestamp(seconds: 0), code: "", status: 0, listener: "", requestID: "")
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "at": at = try Timestamp(from: &reader)
      case "code": code = try reader.string()
      case "status": status = try reader.integer()
      case "listener": listener = try reader.string()
      case "request_id": requestID = try reader.string()
      default: try reader.skip()
      }
    }
  }
}
