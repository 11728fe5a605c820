package import PicoCore

/// A type that a key of a configuration can have.
package protocol ConfigurationValue: Equatable, Sendable {
  /// One word for the documentation: `duration`, `size`, `address`.
  static var configurationKind: String { get }

  /// What reads back as this value; for documentation and for what a reload says.
  var configurationText: String { get }

  /// `nil` after at least one problem was added. `key` is for messages.
  static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> Self?
}

/// A value that is one text in every source.
package protocol ConfigurationScalar: ConfigurationValue {
  init(configurationText: String) throws(MalformedValue)

  /// `a size`, `an address`, `one of text, json`, for messages.
  static var expectation: String { get }
}

extension ConfigurationScalar {
  package static var expectation: String {
    ("aeio".contains(configurationKind.first ?? "x") ? "an " : "a ") + configurationKind
  }

  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> Self? {
    guard case .scalar(let text) = node.content else {
      problems.add(key, at: node.provenance, "needs \(expectation), not \(node.kindName)")
      return nil
    }
    do throws(MalformedValue) {
      return try Self(configurationText: text)
    } catch {
      problems.add(key, at: node.provenance, error.description)
      return nil
    }
  }
}

/// A value out of a few words.
package protocol ConfigurationChoice: ConfigurationScalar, RawRepresentable, CaseIterable where RawValue == String {}

extension ConfigurationChoice {
  package static var configurationKind: String { allCases.map(\.rawValue).joined(separator: "|") }
  package var configurationText: String { rawValue }

  package init(configurationText: String) throws(MalformedValue) {
    guard let value = Self(rawValue: configurationText) else {
      throw MalformedValue("\"\(configurationText.escapedForDisplay)\" is not \(Self.expectation)")
    }
    self = value
  }

  package static var expectation: String { "one of \(names)" }

  private static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

extension LogLevel: ConfigurationChoice {}
extension LogFormat: ConfigurationChoice {}
extension AccessLogFormat: ConfigurationChoice {}

extension Optional: ConfigurationValue where Wrapped: ConfigurationScalar {
  package static var configurationKind: String { Wrapped.configurationKind }
  package var configurationText: String { self?.configurationText ?? "unset" }

  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> Self? {
    Wrapped.read(node, key: key, problems: &problems).map { .some($0) }
  }
}

extension Array: ConfigurationValue where Element: ConfigurationValue {
  package static var configurationKind: String { "list of \(Element.configurationKind)" }
  package var configurationText: String { "[" + map(\.configurationText).joined(separator: ", ") + "]" }

  /// A list in a file; elsewhere one text with commas, where the empty text is the empty list.
  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> Self? {
    let nodes: [ConfigurationNode]
    switch (node.content, node.provenance) {
    case (.list(let list), _): nodes = list
    case (.scalar(let text), .flag), (.scalar(let text), .environment), (.scalar(let text), .argument):
      nodes = text.split(separator: ",").map { ConfigurationNode(.scalar(String($0).trimmed), node.provenance) }
    default:
      problems.add(key, at: node.provenance, "needs a list ([a, b]), not \(node.kindName)")
      return nil
    }
    let values = nodes.enumerated().map { index, node in Element.read(node, key: "\(key)[\(index)]", problems: &problems) }
    return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
  }
}

extension String {
  /// Without spaces and tabs at both ends.
  var trimmed: String {
    var text = Substring(self)
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }
}
