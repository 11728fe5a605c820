package import PicoCore

/// One thing that is wrong with a configuration. Its description is one escaped line.
package struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
  /// Where the value was given; `nil` for a default or something that is missing.
  package let provenance: Provenance?
  /// Dotted, with positions counted from 0 for lists: `listeners[0].upstream`.
  package let key: String
  package let message: String
  /// Whether the command line itself is wrong (exit code 64), not what it says.
  package let isUsage: Bool

  package var description: String {
    let line =
      switch provenance {
      case .some(.flag(let name)), .some(.argument(let name)): "\(name): \(message)"
      case .some(.environment(let name)): "\(name): \(message)"
      case .some(let place): key.isEmpty ? "\(place): \(message)" : "\(place): \(key): \(message)"
      case nil: key.isEmpty ? message : "\(key): \(message)"
      }
    return line.escapedForDisplay
  }
}

/// Everything that was found wrong while a configuration was read, and what an operator should know.
package struct ConfigurationProblems: Sendable {
  package private(set) var problems: [ConfigurationProblem] = []
  /// One line each.
  package private(set) var warnings: [String] = []
  /// Where each key that was given was given. Within an object of a list, its own keys.
  package internal(set) var provenance: [String: Provenance] = [:]
  /// The object of a list that is being checked, and its place.
  var scope: (prefix: String, place: Provenance?) = ("", nil)

  package init() {}

  /// Adds what is wrong with the value of a key at a place.
  package mutating func add(_ key: String, at place: Provenance?, _ message: String, isUsage: Bool? = nil) {
    problems.append(
      ConfigurationProblem(provenance: place, key: key, message: message, isUsage: isUsage ?? (place?.isCommandLine ?? false)))
  }

  /// Adds what is wrong with a value that reads well but contradicts another; the place is where the key was given, else where the object
  /// begins that it belongs to.
  package mutating func contradiction(_ key: String, _ message: String) {
    add(join(scope.prefix, key), at: provenance[key] ?? scope.place, message, isUsage: false)
  }

  package mutating func warn(_ text: String) {
    warnings.append(text.escapedForDisplay)
  }
}

/// A configuration that cannot be used. Its description has one line for each problem.
package struct ConfigurationError: Error, Sendable, CustomStringConvertible {
  /// At least one.
  package let problems: [ConfigurationProblem]

  package init(_ problems: [ConfigurationProblem]) {
    self.problems = problems
  }

  package init(_ message: String, at place: Provenance? = nil, isUsage: Bool) {
    problems = [ConfigurationProblem(provenance: place, key: "", message: message, isUsage: isUsage)]
  }

  package var lines: [String] { problems.map(\.description) }

  package var description: String { lines.joined(separator: "\n") }

  /// 64 when only the command line is wrong, else 78.
  package var exit: SysExit { problems.allSatisfy(\.isUsage) ? .usage : .configuration }
}
