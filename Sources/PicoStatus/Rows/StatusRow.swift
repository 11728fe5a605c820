/// A row of a status table, told by its members: the one list that writing, reading, comparing, and the columns and filters of a dashboard
/// are made from.
package protocol StatusRow: JSONValue, Identifiable where ID == String {
  /// A row with nothing but its ID; the other members are at zero, empty or nil.
  init(blank id: String)
  var id: String { get set }
  /// What tells rows of a table apart, and what `removed` names: the ID, or `TENANT/ID` for an endpoint of a tenant that is not the default.
  var key: String { get }
  /// All members but the ID, at most 32, in the order of the wire.
  static var members: [StatusMember<Self>] { get }
}

/// One member of a row.
package struct StatusMember<Row: Sendable>: Sendable {
  /// As on the wire.
  package let name: String
  let quoted: [UInt8]
  let write: @Sendable (borrowing Row, inout JSONWriter) -> Void
  let read: @Sendable (inout Row, inout JSONReader) throws(JSONError) -> Void
  /// Whether it is worth an update.
  let differs: @Sendable (borrowing Row, borrowing Row) -> Bool
  /// Whether anything of it is another.
  let differsAtAll: @Sendable (borrowing Row, borrowing Row) -> Bool
  let copy: @Sendable (borrowing Row, inout Row) -> Void
  /// nil in the row, which a whole row leaves out.
  let isAbsent: @Sendable (borrowing Row) -> Bool
  /// Part of the key, so an update carries it too.
  let isKey: Bool

  /// `differs` decides what is worth an update; without it any difference is.
  package init<Value: JSONValue>(
    _ name: String, _ path: any WritableKeyPath<Row, Value> & Sendable,
    differs: @escaping @Sendable (Value, Value) -> Bool = { $0 != $1 }, isAbsent: @escaping @Sendable (Value) -> Bool = { _ in false },
    isKey: Bool = false
  ) {
    self.name = name
    quoted = Array("\"\(name)\":".utf8)
    write = { row, writer in row[keyPath: path].write(to: &writer) }
    read = { (row, reader) throws(JSONError) in row[keyPath: path] = try Value(from: &reader) }
    self.differs = { differs($0[keyPath: path], $1[keyPath: path]) }
    differsAtAll = { $0[keyPath: path] != $1[keyPath: path] }
    copy = { source, target in target[keyPath: path] = source[keyPath: path] }
    self.isAbsent = { isAbsent($0[keyPath: path]) }
    self.isKey = isKey
  }

  /// Left out of a whole row while it is nil.
  package init<Value: JSONValue>(
    optional name: String, _ path: any WritableKeyPath<Row, Value?> & Sendable,
    differs: @escaping @Sendable (Value?, Value?) -> Bool = { $0 != $1 }
  ) {
    self.init(name, path, differs: differs, isAbsent: { $0 == nil })
  }

  /// A figure that moves all the time: an update is sent when it moved by 5 %, or from or to zero.
  package init(rate name: String, _ path: any WritableKeyPath<Row, Double> & Sendable) {
    self.init(name, path, differs: Double.differsNoticeably)
  }
}

extension Double {
  /// Whether a rate or latency moved by 5 % or more of the larger value.
  package static func differsNoticeably(_ old: Double, _ new: Double) -> Bool {
    abs(old - new) > 0.05 * Swift.max(abs(old), abs(new))
  }
}

/// Members of a row by their place in `StatusRow.members`.
package struct MemberSet: OptionSet, Hashable, Sendable {
  package var rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static func all<Row: StatusRow>(of row: Row.Type) -> MemberSet { MemberSet(rawValue: (1 << UInt32(row.members.count)) - 1) }
  package func contains(_ index: Int) -> Bool { rawValue & 1 << UInt32(index) != 0 }
  package mutating func insert(_ index: Int) { rawValue |= 1 << UInt32(index) }
}

extension StatusRow {
  package var key: String { id }

  /// The members that are worth an update for a reader who has `old`; `exactly`: also those that moved by less than is worth one.
  package func members(changedFrom old: Self, exactly: Bool = false) -> MemberSet {
    var set = MemberSet()
    let members = Self.members
    for index in members.indices where exactly ? members[index].differsAtAll(old, self) : members[index].differs(old, self) {
      set.insert(index)
    }
    return set
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in writeMembers(to: &writer) }
  }

  /// As `write`, within an object that the caller opened.
  package func writeMembers(to writer: inout JSONWriter) {
    writer.member("id", id)
    for member in Self.members where !member.isAbsent(self) {
      writer.key(quoted: member.quoted)
      member.write(self, &writer)
    }
  }

  /// Throws for a row without an ID.
  package init(from reader: inout JSONReader) throws(JSONError) {
    self = try RowChange(from: &reader).row
  }
}

/// A row of which some members are new: how an update carries it. In a snapshot all are.
package struct RowChange<Row: StatusRow>: JSONValue {
  /// Members outside `members` are at their start.
  package var row: Row
  package var members: MemberSet

  package init(_ row: Row, members: MemberSet = .all(of: Row.self)) {
    self.row = row
    self.members = members
  }

  /// A row that the reader has nothing of: what is absent in it needs no telling.
  package init(new row: Row) {
    self.init(row, members: [])
    let all = Row.members
    for index in all.indices where !all[index].isAbsent(row) { members.insert(index) }
  }

  package var key: String { row.key }

  package func apply(to row: inout Row) {
    let all = Row.members
    for index in all.indices where members.contains(index) { all[index].copy(self.row, &row) }
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", row.id)
      let all = Row.members
      for index in all.indices where members.contains(index) || (all[index].isKey && !all[index].isAbsent(row)) {
        writer.key(quoted: all[index].quoted)
        all[index].write(row, &writer)
      }
    }
  }

  package init(from reader: inout JSONReader) throws(JSONError) {
    var row = Row(blank: "")
    var members = MemberSet()
    var id: String?
    let all = Row.members
    // Members mostly come in our own order: look at the next one first.
    var next = 0
    try reader.object { (reader, key) throws(JSONError) in
      if "id" ~= key {
        id = try reader.string()
        return
      }
      var index = next
      if index >= all.count || !key.matches(all[index].quoted) {
        guard let found = all.firstIndex(where: { key.matches($0.quoted) }) else { return try reader.skip() }
        index = found
      }
      try all[index].read(&row, &reader)
      members.insert(index)
      next = index + 1
    }
    guard let id else { throw reader.failure("a row without an ID") }
    row.id = id
    self.init(row, members: members)
  }
}

extension JSONKey {
  /// Whether a name that is quoted and followed by its colon is this one.
  func matches(_ quoted: [UInt8]) -> Bool {
    quoted.count == bytes.count + 3 && quoted.dropFirst().dropLast(2).elementsEqual(bytes)
  }
}
