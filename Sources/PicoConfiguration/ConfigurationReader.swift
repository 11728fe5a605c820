/// Reads a configuration from the command line, the environment and a YAML file, in this order of precedence, above the defaults.
///
/// `pico server` does this; for `pico agent` see `AgentConfiguration.load`, which takes the same and returns the same:
/// ```
/// let loaded = try ConfigurationReader.load(ServerConfiguration.schema, arguments: arguments, environment: environment)
/// if loaded.flags.wantsHelp { print(ServerConfiguration.schema.help) }
/// loaded.warnings        // one line each, for standard error or the log
/// loaded.configuration
/// ```
/// `arguments` are those behind the name of the command, as they were given. The `ConfigurationError` has `lines` for standard error and
/// an `exit` code: 64 when the command line is wrong, 78 when a value is.
package enum ConfigurationReader {
  /// Flags, environment and the YAML file of `--config`. Positional arguments are refused. With `--help` nothing else is looked at.
  package static func load<Root>(
    _ schema: ConfigurationSchema<Root>, arguments: [String], environment: [String: String]
  ) throws(ConfigurationError) -> LoadedConfiguration<Root> {
    try load(schema, arguments: arguments, environment: environment, furtherFlags: [:]) { flags, _, problems in
      for argument in flags.positionals { problems.add("", at: nil, "unexpected argument \"\(argument)\"", isUsage: true) }
    }
  }

  /// Reads a file alone, or with an environment above it, for `pico config check`.
  package static func check<Root>(
    _ schema: ConfigurationSchema<Root>, file: String, environment: [String: String] = [:]
  ) throws(ConfigurationError) -> LoadedConfiguration<Root> {
    try load(schema, arguments: ["--config=" + file], environment: environment)
  }

  /// As above, for a command with positional arguments: `finish` sees the flags and may change what was read. The keys of `further` are
  /// flags too, and reading them is up to `finish`.
  package static func load<Root, Further>(
    _ schema: ConfigurationSchema<Root>, arguments: [String], environment: [String: String], further: ConfigurationSchema<Further>,
    finish: (CommandLineFlags, inout Root, inout ConfigurationProblems) -> Void
  ) throws(ConfigurationError) -> LoadedConfiguration<Root> {
    try load(schema, arguments: arguments, environment: environment, furtherFlags: further.flags, finish: finish)
  }

  private static func load<Root>(
    _ schema: ConfigurationSchema<Root>, arguments: [String], environment: [String: String],
    furtherFlags: [String: CommandLineFlags.Flag], finish: (CommandLineFlags, inout Root, inout ConfigurationProblems) -> Void
  ) throws(ConfigurationError) -> LoadedConfiguration<Root> {
    var problems = ConfigurationProblems()
    var root = schema.initial
    let known = schema.flags.merging(furtherFlags) { own, _ in own }
    let flags = CommandLineFlags.parse(arguments, flags: known, problems: &problems)
    if flags.wantsHelp {
      return LoadedConfiguration(configuration: root, flags: flags, warnings: [], provenance: [:])
    }
    var layers = [flags.layer, EnvironmentVariables.layer(environment, schema: schema, problems: &problems)]
    if let path = flags.configurationFile, !path.isEmpty {
      layers.append(try fileLayer(path, schema: schema, problems: &problems))
    }
    for key in schema.keys {
      // Every layer is read, so that a malformed value is an error even where another one wins.
      for layer in layers.reversed() {
        guard let node = layer[key.name] else { continue }
        problems.provenance[key.name] = node.provenance
        key.assign(node, key.name, &root, &problems)
      }
    }
    finish(flags, &root, &problems)
    if problems.problems.isEmpty { schema.check(root, &problems) }
    guard problems.problems.isEmpty else { throw ConfigurationError(problems.problems) }
    return LoadedConfiguration(configuration: root, flags: flags, warnings: problems.warnings, provenance: problems.provenance)
  }

  private static func fileLayer<Root>(
    _ path: String, schema: ConfigurationSchema<Root>, problems: inout ConfigurationProblems
  ) throws(ConfigurationError) -> [String: ConfigurationNode] {
    let tree: ConfigurationNode
    do throws(ConfigurationError) {
      tree = try ConfigurationFile.read(path: path)
    } catch {
      throw ConfigurationError(problems.problems + error.problems)
    }
    var layer: [String: ConfigurationNode] = [:]
    schema.flatten(tree, name: "", prefix: "", problems: &problems) { key, place, node, problems in
      if let first = layer[key.name] {
        problems.add(key.name, at: place, "is given twice (first at \(first.provenance))")
      } else {
        layer[key.name] = ConfigurationNode(node.content, place)
      }
    }
    return layer
  }
}

/// A configuration that was read without an error.
package struct LoadedConfiguration<Root: Sendable>: Sendable {
  package let configuration: Root
  package let flags: CommandLineFlags
  /// One escaped line each.
  package let warnings: [String]
  /// Where each key that was given was given.
  package let provenance: [String: Provenance]
}
