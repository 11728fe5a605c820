internal import PicoCore

/// Which action each key has: the defaults, and what the settings say instead.
package struct KeyTable: Sendable {
  private var actions: [Key: Action] = [:]
  private var keys: [Action: [Key]] = [:]

  /// `bindings` is by action name; the keys named there replace the defaults of that action. Throws for an action or key that nobody knows
  /// and for a key with two actions.
  package init(bindings: [String: [String]] = [:]) throws(AppError) {
    for entry in KeyEntry.all { keys[entry.action] = entry.keys }
    for (name, texts) in bindings.sorted(by: { $0.key < $1.key }) {
      guard let action = Action(rawValue: name) else {
        throw AppError(
          "keys: no action is named \"\(name.escapedForDisplay)\"; actions are \(Action.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      var bound: [Key] = []
      for text in texts {
        guard let key = Key(name: text) else {
          throw AppError("keys: \(name): \"\(text.escapedForDisplay)\" is no key (like x, Ctrl-L, PgUp, F5, Space)")
        }
        bound.append(key)
      }
      keys[action] = bound
    }
    for entry in KeyEntry.all {
      for key in keys[entry.action] ?? [] {
        if let other = actions[key], other != entry.action {
          throw AppError("keys: \(key.name) is bound to both \(other.rawValue) and \(entry.action.rawValue)")
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
