internal import PicoCore

/// How rows are printed without a terminal.
package enum PlainFormat: String, CaseIterable, Sendable {
  /// Columns for people, as wide as they need to be.
  case table
  /// The same columns as plain figures: rates per second, bytes, milliseconds (RFC 4180 with line feeds alone).
  case csv
  /// One object with everything that each server said: totals, nodes, blocks, endpoints.
  case json
  /// One object a line for each endpoint, with every member that the server sent.
  case ndjson
}

extension String {
  /// A field of CSV: escaped for display, in quotes where it needs them.
  var csvField: String {
    let text = escapedForDisplay
    guard text.contains(where: { $0 == "," || $0 == "\"" }) else { return text }
    return "\"" + text.flatMap { $0 == "\"" ? "\"\"" : "\($0)" } + "\""
  }
}

/// JSON for a terminal: what could move a cursor or turn a line around is written as `\uXXXX`, which reads back the same.
enum DisplayJSON {
  static func escape(_ json: [UInt8]) -> [UInt8] {
    guard json.contains(where: { $0 >= 0x7F }) else { return json }
    var text: [UInt8] = []
    text.reserveCapacity(json.count)
    for scalar in String(decoding: json, as: UTF8.self).unicodeScalars {
      // Below DEL there are only line feeds between the values.
      if scalar.value >= 0x7F, scalar.isUnsafeToDisplay {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          text += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
        }
      } else {
        text += Array(String(scalar).utf8)
      }
    }
    return text
  }
}
