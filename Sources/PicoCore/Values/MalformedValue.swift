/// A text that is not a value of its kind. The description is one line that quotes the text: `"10x" is not a duration (like 500ms, 10s, 1m)`.
package struct MalformedValue: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }

  /// `"TEXT" is not KIND (like EXAMPLES)`
  package init(_ text: some StringProtocol, isNot kind: String, like examples: String) {
    description = "\"\(text.escapedForDisplay)\" is not \(kind) (like \(examples))"
  }
}
