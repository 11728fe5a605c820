internal import FoundationEssentials

extension StatusSnapshot {
  /// UTF-8 JSON on one line, members in alphabetical order. Throws `EncodingError` for a number that JSON cannot hold.
  package func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self))
  }

  /// Throws `DecodingError` for what is not JSON, lacks a member or has one of the wrong type.
  package init(json bytes: [UInt8]) throws {
    self = try JSONDecoder().decode(StatusSnapshot.self, from: Data(bytes))
  }
}

extension StatusSnapshot {
  /// The rows of one table as a JSON array, in the form of `json()`.
  package static func json(_ rows: [some Encodable]) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(rows))
  }
}
