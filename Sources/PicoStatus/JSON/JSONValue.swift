package import PicoCore

/// What a member of a status message can hold.
package protocol JSONValue: Equatable, Sendable {
  func write(to writer: inout JSONWriter)
  init(from reader: inout JSONReader) throws(JSONError)
}

extension Int: JSONValue {
  package func write(to writer: inout JSONWriter) { writer.integer(self) }
  package init(from reader: inout JSONReader) throws(JSONError) { self = try reader.integer() }
}

extension UInt64: JSONValue {
  package func write(to writer: inout JSONWriter) { writer.integer(self) }
  package init(from reader: inout JSONReader) throws(JSONError) { self = try reader.integer() }
}

extension Double: JSONValue {
  package func write(to writer: inout JSONWriter) { writer.number(self) }
  package init(from reader: inout JSONReader) throws(JSONError) { self = try reader.number() }
}

extension Bool: JSONValue {
  package func write(to writer: inout JSONWriter) { writer.bool(self) }
  package init(from reader: inout JSONReader) throws(JSONError) { self = try reader.bool() }
}

extension String: JSONValue {
  package func write(to writer: inout JSONWriter) { writer.string(self) }
  package init(from reader: inout JSONReader) throws(JSONError) { self = try reader.string() }
}

/// On the wire a time is an RFC 3339 text in UTC, to the millisecond: `2026-11-23T10:00:00.000Z`.
extension Timestamp: JSONValue {
  package func write(to writer: inout JSONWriter) { writer.string(description) }

  package init(from reader: inout JSONReader) throws(JSONError) {
    guard let value = Timestamp(try reader.string()) else { throw reader.failure("not a time in RFC 3339 and UTC") }
    self = value
  }
}

extension Optional: JSONValue where Wrapped: JSONValue {
  package func write(to writer: inout JSONWriter) {
    if let self { self.write(to: &writer) } else { writer.null() }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self = try reader.null() ? nil : try Wrapped(from: &reader)
  }
}

extension Array: JSONValue where Element: JSONValue {
  package func write(to writer: inout JSONWriter) {
    writer.array { writer in
      for element in self { element.write(to: &writer) }
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self = []
    try reader.array { (reader) throws(JSONError) in append(try Element(from: &reader)) }
  }
}

extension Dictionary: JSONValue where Key == String, Value: JSONValue {
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      for (key, value) in self.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    self = [:]
    try reader.object { (reader, key) throws(JSONError) in self[key.text] = try Value(from: &reader) }
  }
}

/// A text of which this version knows some values; any other is kept as it came.
package protocol OpenText: JSONValue, RawRepresentable<String>, Hashable {
  init(rawValue: String)
}

extension OpenText {
  package func write(to writer: inout JSONWriter) { writer.string(rawValue) }
  package init(from reader: inout JSONReader) throws(JSONError) { self.init(rawValue: try reader.string()) }
}
