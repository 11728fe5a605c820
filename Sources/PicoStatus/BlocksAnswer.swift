package import PicoCore

/// The answer of `GET /status/v1/blocks`.
package struct BlocksAnswer: Equatable, Sendable {
  /// The oldest first.
  package var blocks: [BlockRow]

  package init(blocks: [BlockRow]) { self.blocks = blocks }

  package var json: [UInt8] {
    var writer = JSONWriter(capacity: 64 + 256 * blocks.count)
    writer.object { $0.member("blocks", blocks) }
    return writer.bytes
  }

  package init(json bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    var rows: [BlockRow]?
    try reader.object { (reader, key) throws(JSONError) in
      if "blocks" ~= key { rows = try Array(from: &reader) } else { try reader.skip() }
    }
    try reader.end()
    guard let rows else { throw reader.failure("an answer without blocks") }
    blocks = rows
  }

  /// For a terminal, escaped. `now` is what the time that is left is counted from.
  package func table(now: Timestamp) -> String {
    StatusSnapshot.table(
      ["BLOCK", "SCOPE", "REFUSES", "LEFT", "BY", "REASON"],
      blocks.map { row in
        let left = Duration.seconds(max(0, row.until.milliseconds - now.milliseconds + 999) / 1000)
        return [row.id, row.scope.rawValue, row.match, left.text, row.by, row.reason]
      })
  }
}
