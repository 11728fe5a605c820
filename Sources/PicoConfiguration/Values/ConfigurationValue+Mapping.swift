/// A mapping with names that the schema does not list: `{endpoints: [name, rate]}`. Only a file can give one. Each entry's place is known under
/// its dotted name, so that a check can point to it.
extension Dictionary: ConfigurationValue where Key == String, Value: ConfigurationValue {
  package static var configurationKind: String { "mapping of \(Value.configurationKind)" }

  package var configurationText: String {
    "{" + sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.configurationText)" }.joined(separator: ", ") + "}"
  }

  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> Self? {
    guard case .mapping(let entries) = node.content else {
      problems.add(key, at: node.provenance, "needs a mapping ({name: value}), not \(node.kindName)")
      return nil
    }
    var values: Self = [:]
    var isComplete = true
    for entry in entries {
      let name = join(key, entry.key)
      problems.provenance[name] = entry.provenance
      if case .nothing = entry.value.content {
        problems.add(name, at: entry.provenance, "has no value")
        isComplete = false
      } else if let value = Value.read(entry.value, key: name, problems: &problems) {
        values[entry.key] = value
      } else {
        isComplete = false
      }
    }
    return isComplete ? values : nil
  }
}
