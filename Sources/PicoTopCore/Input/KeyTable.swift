internal import PicoCore

/// Which action each key has: the defaults, and what the settings say instead.
package struct KeyTable: Sendable {
  private var actions: [Key: Action] = [:]
  private var keys: [Action: [Key]] = [:]

  /// `bindings` is by action name; the keys named there replace the defaults of that action. Throws for an action or key that nobody knows
  /// and for a key with two actions.
  package init(bindings: [String: [String]] = [:]) throws(KeyBindingError) {
    for entry in KeyEntry.all { keys[entry.action] = entry.keys }
    for (name, texts) in bindings.sorted(by: { $0.key < $1.key }) {
      guard let action = Action(rawValue: name) else {
        throw KeyBindingError(action: name, "is no action; actions are \(Action.allCases.map(\.rawValue).joined(separator: " "))")
      }
      var bound: [Key] = []
      for text in texts {
        guard let key = Key(name: text) else {
          throw KeyBindingError(action: name, "\"\(text.escapedForDisplay)\" is no key (like x, Ctrl-L, PgUp, F5, Space)")
        }
        bound.append(key)
      }
      keys[action] = bound
    }
    for entry in KeyEntry.all {
      for key in keys[entry.action] ?? [] {
        if let other = actions[key], other != entry.action {
          // The one that somebody bound is where it can be put right.
          let (mine, theirs) = bindings[entry.action.rawValue] == nil ? (other, entry.action) : (entry.action, other)
          throw KeyBindingError(action: mine.rawValue, "\(key.name) is bound to \(theirs.rawValue) too")
        }
        actions[key] = entry.action
      }
    }
  }

  package func action(for key: Key) -> Action? { actions[key] }

  package func keys(for action: Action) -> [Key] { keys[action] ?? [] }

  /// The first key of an action, as it is shown.
  func mark(_ action: Action, isASCII: Bool) -> String? { keys[action]?.first?.mark(isASCII: isASCII) }
}

/// What is wrong with the keys of an action.
package struct KeyBindingError: Error, Equatable, CustomStringConvertible, Sendable {
  /// As it was named.
  package let action: String
  /// What follows the name of the setting.
  package let message: String

  init(action: String, _ message: String) {
    self.action = action
    self.message = message
  }

  package var description: String { "keys.\(action.escapedForDisplay): \(message)" }
}
