internal import PicoCore

extension StatusSnapshot {
  /// UTF-8 JSON on one line.
  package var json: [UInt8] {
    var writer = JSONWriter(capacity: 1024 + 400 * (endpoints.count + listeners.count))
    writer.object { writer in
      writer.member("now", now)
      writer.member("node", node)
      writer.member("version", version)
      writer.member("nodes", nodes)
      writer.member("endpoints", endpoints)
      writer.member("listeners", listeners)
      writer.member("totals", totals)
    }
    return writer.bytes
  }

  /// Throws for what is not JSON or has a member of the wrong type. `now`, `node` and `version` must be there; a table that is not is empty.
  package init(json bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    self.init(now: Timestamp(seconds: 0), node: "", version: "")
    var required: Set = ["now", "node", "version"]
    try reader.object { (reader, key) throws(JSONError) in
      required.remove(key.text)
      switch key {
      case "now": now = try Timestamp(from: &reader)
      case "node": node = try reader.string()
      case "version": version = try reader.string()
      case "nodes": nodes = try Array(from: &reader)
      case "endpoints": endpoints = try Array(from: &reader)
      case "listeners": listeners = try Array(from: &reader)
      case "totals": totals = try TotalsRow(from: &reader)
      default: try reader.skip()
      }
    }
    try reader.end()
    guard required.isEmpty else { throw reader.failure("a snapshot without \(required.sorted().joined(separator: ", "))") }
  }

  /// The rows of one table as a JSON array on one line.
  package static func json(_ rows: [some StatusRow]) -> [UInt8] {
    var writer = JSONWriter()
    rows.write(to: &writer)
    return writer.bytes
  }
}
