/// Latencies in milliseconds, within 5 %; all zero when no request ended in the window.
package struct LatencySummary: Equatable, Sendable {
  package var p50: Double
  package var p90: Double
  package var p99: Double
  package var max: Double

  package init(p50: Double = 0, p90: Double = 0, p99: Double = 0, max: Double = 0) {
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.max = max
  }
}

/// Responses counted by the first digit of their status, since the row came to be.
package struct StatusClasses: Equatable, Sendable {
  package var informational: UInt64
  package var successful: UInt64
  package var redirection: UInt64
  package var clientError: UInt64
  package var serverError: UInt64

  package init(
    informational: UInt64 = 0, successful: UInt64 = 0, redirection: UInt64 = 0, clientError: UInt64 = 0, serverError: UInt64 = 0
  ) {
    self.informational = informational
    self.successful = successful
    self.redirection = redirection
    self.clientError = clientError
    self.serverError = serverError
  }
}

/// Whether a listener is given requests. A text that this version does not know is kept as it came.
package struct ListenerState: OpenText {
  package var rawValue: String

  package init(rawValue: String) {
    self.rawValue = rawValue
  }

  package static let active = ListenerState(rawValue: "active")
  /// Finishes what it has and gets nothing new.
  package static let draining = ListenerState(rawValue: "draining")
  /// Failed its ping or its upstream, and gets nothing new for a while.
  package static let unhealthy = ListenerState(rawValue: "unhealthy")
}

/// Where a node is in its life. A text that this version does not know is kept as it came.
package struct NodeState: OpenText {
  package var rawValue: String

  package init(rawValue: String) {
    self.rawValue = rawValue
  }

  package static let active = NodeState(rawValue: "active")
  package static let draining = NodeState(rawValue: "draining")
}

extension LatencySummary: JSONValue {
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("p50", p50)
      writer.member("p90", p90)
      writer.member("p99", p99)
      writer.member("max", max)
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "p50": p50 = try reader.number()
      case "p90": p90 = try reader.number()
      case "p99": p99 = try reader.number()
      case "max": max = try reader.number()
      default: try reader.skip()
      }
    }
  }

  package static func differsNoticeably(_ old: LatencySummary, _ new: LatencySummary) -> Bool {
    Double.differsNoticeably(old.p50, new.p50) || Double.differsNoticeably(old.p90, new.p90)
      || Double.differsNoticeably(old.p99, new.p99) || Double.differsNoticeably(old.max, new.max)
  }
}

extension StatusClasses: JSONValue {
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("1xx", informational)
      writer.member("2xx", successful)
      writer.member("3xx", redirection)
      writer.member("4xx", clientError)
      writer.member("5xx", serverError)
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self.init()
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "1xx": informational = try reader.integer()
      case "2xx": successful = try reader.integer()
      case "3xx": redirection = try reader.integer()
      case "4xx": clientError = try reader.integer()
      case "5xx": serverError = try reader.integer()
      default: try reader.skip()
      }
    }
  }
}

extension UInt64 {
  /// As of a `Double`: by 5 % or more.
  static func differsNoticeably(_ old: UInt64, _ new: UInt64) -> Bool { Double.differsNoticeably(Double(old), Double(new)) }
}

extension Double? {
  static func differsNoticeably(_ old: Double?, _ new: Double?) -> Bool {
    guard let old, let new else { return (old == nil) != (new == nil) }
    return Double.differsNoticeably(old, new)
  }
}
