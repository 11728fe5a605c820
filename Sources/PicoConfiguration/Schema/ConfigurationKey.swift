package import PicoCore

/// A key and all there is to know about it: how it is read, what it is without being given, and its line in the documentation.
package struct ConfigurationKey<Root: Sendable>: Sendable {
  /// Dotted, lower case, hyphens within words: `proxy.head-timeout`.
  package let name: String
  /// One word: `duration`.
  package let kind: String
  /// One line for `--help` and the documentation.
  package let summary: String
  /// Whether SIGHUP takes a new value over without a restart.
  package let isReloadable: Bool
  /// Whether a bare `--flag` means true.
  package let isBoolean: Bool
  /// Whether only a file can give it.
  package let isFileOnly: Bool
  /// For a list of objects, the keys of one of them.
  package let elementKeys: [ConfigurationKeyDescription]

  /// Reads a node into the configuration, or adds problems and leaves it alone.
  let assign: @Sendable (ConfigurationNode, String, inout Root, inout ConfigurationProblems) -> Void
  /// The text of the value in a configuration.
  let text: @Sendable (Root) -> String
  /// Copies the value from the first to the second.
  let copy: @Sendable (Root, inout Root) -> Void
  /// Whether both have the same value. Their texts may be the same where the values are not: secrets and objects are not in them.
  let isSame: @Sendable (Root, Root) -> Bool
}

extension ConfigurationKey {
  /// A key whose value is read from one node. `unset` is what the documentation says of a `nil`; `check` returns what is wrong with a value
  /// that reads well: `must be more than 0`.
  package static func key<Value: ConfigurationValue>(
    _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ summary: String, unset: String = "unset",
    reloadable: Bool = false,
    check: (@Sendable (Value) -> String?)? = nil
  ) -> ConfigurationKey {
    ConfigurationKey(
      name: name, kind: Value.configurationKind, summary: summary, isReloadable: reloadable,
      isBoolean: Value.self == Bool.self || Value.self == AccessLogDestination.self, isFileOnly: false, elementKeys: [],
      assign: { node, key, root, problems in
        if case .nothing = node.content {
          problems.add(key, at: node.provenance, "has no value")
          return
        }
        guard let value = Value.read(node, key: key, problems: &problems) else { return }
        if let complaint = check?(value) {
          problems.add(key, at: node.provenance, "\"\(value.configurationText)\" \(complaint)")
          return
        }
        root[keyPath: path] = value
      },
      text: { root in
        let text = root[keyPath: path].configurationText
        return text == "unset" ? unset : text
      },
      copy: { source, target in target[keyPath: path] = source[keyPath: path] },
      isSame: { $0[keyPath: path] == $1[keyPath: path] })
  }

  /// A key that holds a list of objects, each read by a schema of its own.
  package static func objects<Element: Sendable & Equatable>(
    _ name: String, _ path: any WritableKeyPath<Root, [Element]> & Sendable, _ summary: String, of schema: ConfigurationSchema<Element>
  ) -> ConfigurationKey {
    ConfigurationKey(
      name: name, kind: "list of objects", summary: summary, isReloadable: false, isBoolean: false, isFileOnly: true,
      elementKeys: schema.descriptions,
      assign: { node, key, root, problems in
        guard case .list(let nodes) = node.content else {
          problems.add(key, at: node.provenance, "needs a list of objects (- {...}), not \(node.kindName)")
          return
        }
        root[keyPath: path] = nodes.enumerated().map { index, node in
          problems.provenance["\(key)[\(index)]"] = node.provenance
          return schema.read(node, key: "\(key)[\(index)]", problems: &problems)
        }
      },
      text: { root in "[\(root[keyPath: path].count == 0 ? "" : "\(root[keyPath: path].count) objects")]" },
      copy: { source, target in target[keyPath: path] = source[keyPath: path] },
      isSame: { $0[keyPath: path] == $1[keyPath: path] })
  }
}

extension ConfigurationKey {
  /// The key of a part of a configuration as one of the whole, with the name of the part in front.
  package func within<Whole: Sendable>(
    _ prefix: String, _ path: any WritableKeyPath<Whole, Root> & Sendable
  ) -> ConfigurationKey<Whole> {
    let (assign, text, copy, isSame) = (assign, text, copy, isSame)
    return ConfigurationKey<Whole>(
      name: join(prefix, name), kind: kind, summary: summary, isReloadable: isReloadable, isBoolean: isBoolean, isFileOnly: isFileOnly,
      elementKeys: elementKeys,
      assign: { node, key, whole, problems in assign(node, key, &whole[keyPath: path], &problems) },
      text: { text($0[keyPath: path]) },
      copy: { source, target in copy(source[keyPath: path], &target[keyPath: path]) },
      isSame: { isSame($0[keyPath: path], $1[keyPath: path]) })
  }
}

/// What `--help` and the documentation say of a key.
package struct ConfigurationKeyDescription: Sendable, Equatable {
  package let name: String
  package let kind: String
  /// What holds when nobody gives the key.
  package let defaultText: String
  package let summary: String
  package let isReloadable: Bool
  package let isFileOnly: Bool
  package let elementKeys: [ConfigurationKeyDescription]

  package var flag: String { "--" + name }
  package var environmentName: String { EnvironmentVariables.name(of: name) }
}

/// Checks that many keys share.
package enum ConfigurationCheck {
  @Sendable package static func positive(_ duration: Duration) -> String? { duration > .zero ? nil : "must be more than 0" }
  @Sendable package static func positive(_ number: Int) -> String? { number > 0 ? nil : "must be more than 0" }
  @Sendable package static func notNegative(_ number: Int) -> String? { number >= 0 ? nil : "must not be negative" }

  package static func within(_ range: ClosedRange<Int>) -> @Sendable (Int) -> String? {
    { range.contains($0) ? nil : "must be from \(range.lowerBound) to \(range.upperBound)" }
  }

  package static func within(_ range: ClosedRange<ByteSize>) -> @Sendable (ByteSize) -> String? {
    { range.contains($0) ? nil : "must be from \(range.lowerBound) to \(range.upperBound)" }
  }
}
