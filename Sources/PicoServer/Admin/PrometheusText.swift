/// Writes the Prometheus text exposition format 0.0.4: `# HELP` and `# TYPE` once for each family, then its samples.
///
/// Source: prometheus.io/docs/instrumenting/exposition_formats.
package struct PrometheusText: Sendable {
  /// What goes into the body, UTF-8.
  package private(set) var text = ""

  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  package init() {}

  package enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  /// Starts a family: every sample until the next call belongs to it.
  package mutating func family(_ name: String, _ kind: Kind, help: String) {
    text += "# HELP \(name) "
    escape(help, quoted: false)
    text += "\n# TYPE \(name) \(kind.rawValue)\n"
  }

  package mutating func sample(_ name: String, labels: [(String, String)] = [], _ value: some BinaryInteger) {
    start(name, labels)
    text += "\(value)\n"
  }

  package mutating func sample(_ name: String, labels: [(String, String)] = [], _ value: Double) {
    start(name, labels)
    text += "\(Self.number(value))\n"
  }

  /// A family with one sample and no label.
  package mutating func gauge(_ name: String, help: String, _ value: some BinaryInteger) {
    family(name, .gauge, help: help)
    sample(name, value)
  }

  /// A family with one sample and no label.
  package mutating func counter(_ name: String, help: String, _ value: some BinaryInteger) {
    family(name, .counter, help: help)
    sample(name, value)
  }

  /// A whole family with no label but `le`.
  package mutating func histogram(_ name: String, help: String, _ report: HistogramReport) {
    family(name, .histogram, help: help)
    for (bound, count) in report.buckets {
      sample("\(name)_bucket", labels: [("le", Self.number(bound))], count)
    }
    sample("\(name)_bucket", labels: [("le", "+Inf")], report.count)
    sample("\(name)_sum", report.sum)
    sample("\(name)_count", report.count)
  }

  private mutating func start(_ name: String, _ labels: [(String, String)]) {
    text += name
    if !labels.isEmpty {
      text += "{"
      for (index, (label, value)) in labels.enumerated() {
        text += index == 0 ? "\(label)=\"" : ",\(label)=\""
        escape(value, quoted: true)
        text += "\""
      }
      text += "}"
    }
    text += " "
  }

  /// Backslash and line feed, and the quotation mark in a label's value: nothing else needs an escape.
  private mutating func escape(_ value: String, quoted: Bool) {
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\"" where quoted: text += "\\\""
      default: text.unicodeScalars.append(scalar)
      }
    }
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }
}
