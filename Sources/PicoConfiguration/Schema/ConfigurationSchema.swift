/// All keys of one configuration. It drives reading, the detection of unknown keys, `--help` and docs/configuration.md.
package struct ConfigurationSchema<Root: Sendable>: Sendable {
  /// What holds when nothing is given.
  package let initial: Root
  package let keys: [ConfigurationKey<Root>]
  /// Keys that have no default.
  package let required: [String]
  /// Shorter flags for some keys, without the hyphens in front: `["server": "server.url"]`.
  package let flagAliases: [String: String]
  /// Adds contradictions between values that each read well, and warnings.
  package let check: @Sendable (Root, inout ConfigurationProblems) -> Void

  private let positions: [String: Int]

  package init(
    initial: Root, keys: [ConfigurationKey<Root>], required: [String] = [], flagAliases: [String: String] = [:],
    check: @escaping @Sendable (Root, inout ConfigurationProblems) -> Void = { _, _ in }
  ) {
    self.initial = initial
    self.keys = keys
    self.required = required
    self.flagAliases = flagAliases
    self.check = check
    positions = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1.name, $0) })
  }

  package func key(named name: String) -> ConfigurationKey<Root>? {
    positions[name].map { keys[$0] }
  }

  /// By name with the hyphens in front; aliases too.
  var flags: [String: CommandLineFlags.Flag] {
    var flags: [String: CommandLineFlags.Flag] = [:]
    for key in keys {
      flags["--" + key.name] = CommandLineFlags.Flag(
        key: key.name, isBoolean: key.isBoolean, takesPath: key.kind.contains("path"), isList: key.kind.hasPrefix("list"),
        isFileOnly: key.isFileOnly)
    }
    for (alias, key) in flagAliases { flags["--" + alias] = flags["--" + key] }
    return flags
  }

  /// In the order of the table.
  package var descriptions: [ConfigurationKeyDescription] {
    keys.map { key in
      ConfigurationKeyDescription(
        name: key.name, kind: key.kind, defaultText: required.contains(key.name) ? "required" : key.text(initial), summary: key.summary,
        isReloadable: key.isReloadable, isFileOnly: key.isFileOnly, elementKeys: key.elementKeys)
    }
  }

  /// Reads one mapping that stands alone, such as an object of a list. What is wrong is added to the problems.
  package func read(_ node: ConfigurationNode, key prefix: String, problems: inout ConfigurationProblems) -> Root {
    var root = initial
    var given: [String: Provenance] = [:]
    let before = problems.problems.count
    flatten(node, name: "", prefix: prefix, problems: &problems) { key, place, value, problems in
      if let first = given[key.name] {
        problems.add(join(prefix, key.name), at: place, "is given twice (first at \(first))")
        return
      }
      given[key.name] = place
      key.assign(value, join(prefix, key.name), &root, &problems)
    }
    if case .mapping = node.content {
      for name in required where given[name] == nil { problems.add(prefix, at: node.provenance, "has no \(name)") }
    }
    guard problems.problems.count == before else { return root }
    let outer = (problems.provenance, problems.scope)
    problems.provenance = given
    problems.scope = (prefix, node.provenance)
    check(root, &problems)
    (problems.provenance, problems.scope) = outer
    return root
  }

  /// Calls `found` for each key of the schema below a mapping, and adds a problem for each key that is not one.
  func flatten(
    _ node: ConfigurationNode, name: String, prefix: String, problems: inout ConfigurationProblems,
    found: (ConfigurationKey<Root>, Provenance, ConfigurationNode, inout ConfigurationProblems) -> Void
  ) {
    guard case .mapping(let entries) = node.content else {
      let examples = keys.map(\.name).filter { name.isEmpty || $0.hasPrefix(name + ".") }.prefix(2).joined(separator: ", ")
      if case .nothing = node.content { return }
      problems.add(join(prefix, name), at: node.provenance, "needs a mapping (with keys like \(examples)), not \(node.kindName)")
      return
    }
    for entry in entries {
      let full = join(name, entry.key)
      if let key = key(named: full) {
        found(key, entry.provenance, entry.value, &problems)
      } else if keys.contains(where: { $0.name.hasPrefix(full + ".") }) {
        flatten(entry.value, name: full, prefix: prefix, problems: &problems, found: found)
      } else {
        problems.add(join(prefix, full), at: entry.provenance, "unknown key" + suggestion(for: full))
      }
    }
  }

  /// ` (did you mean proxy.timeout?)` or nothing.
  func suggestion(for name: String) -> String {
    let groups = Set(keys.compactMap { key in key.name.lastIndex(of: ".").map { String(key.name[..<$0]) } })
    return Spelling.nearest(to: name, among: keys.map(\.name) + groups.sorted()).map { " (did you mean \($0)?)" } ?? ""
  }
}

/// Two parts of a dotted name, of which one may be empty.
func join(_ prefix: String, _ name: String) -> String {
  prefix.isEmpty ? name : name.isEmpty ? prefix : "\(prefix).\(name)"
}

extension ConfigurationSchema {
  /// A value that differs between two configurations.
  package struct Difference: Sendable, Equatable {
    package let name: String
    package let old: String
    /// Says that there is a difference where the texts of the values show none.
    package let new: String
    package let isReloadable: Bool
  }

  /// What a reload changes, in the order of the table.
  package func differences(from old: Root, to new: Root) -> [Difference] {
    keys.compactMap { key in
      guard !key.isSame(old, new) else { return nil }
      let texts = (key.text(old), key.text(new))
      let shown = texts.0 == texts.1 ? "\(texts.1), changed in what is not shown" : texts.1
      return Difference(name: key.name, old: texts.0, new: shown, isReloadable: key.isReloadable)
    }
  }

  /// The running configuration with the reloadable values of the new one.
  package func reloaded(_ running: Root, with new: Root) -> Root {
    var result = running
    for key in keys where key.isReloadable { key.copy(new, &result) }
    return result
  }
}
