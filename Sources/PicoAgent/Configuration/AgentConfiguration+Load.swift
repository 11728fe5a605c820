package import PicoConfiguration

extension AgentConfiguration {
  /// `pico agent ENDPOINT UPSTREAM [flags]` or `pico agent --config FILE [flags]`. Beside the two positional arguments the keys of a listener
  /// are flags too. Throws as `ConfigurationReader.load` does.
  package static func load(
    arguments: [String], environment: [String: String]
  ) throws(ConfigurationError) -> LoadedConfiguration<AgentConfiguration> {
    try ConfigurationReader.load(
      schema, arguments: arguments, environment: environment, further: ListenerConfiguration.flagSchema
    ) { flags, configuration, problems in
      configuration.server.takeProxy(from: environment, problems: &problems)
      let names = ListenerConfiguration.flagSchema.keys.map(\.name)
      let given = names.compactMap { name in flags.layer[name].map { (name, $0) } }
      switch flags.positionals.count {
      case 2:
        if let place = problems.provenance["listeners"] {
          problems.add("listeners", at: place, "ENDPOINT and UPSTREAM are on the command line too", isUsage: true)
        }
        configuration.listeners = [listener(flags.positionals, given, &problems)]
      case 0 where flags.configurationFile != nil:
        for (_, node) in given {
          problems.add("", at: node.provenance, "needs ENDPOINT and UPSTREAM on the command line; in a file it belongs to a listener")
        }
      case 0:
        problems.add("", at: nil, "needs ENDPOINT and UPSTREAM, or --config FILE", isUsage: true)
      case 1:
        problems.add("", at: nil, "needs UPSTREAM after ENDPOINT \"\(flags.positionals[0])\"", isUsage: true)
      default:
        problems.add("", at: nil, "unexpected argument \"\(flags.positionals[2])\"", isUsage: true)
      }
    }
  }

  /// The flags for `--help`.
  package static var help: String {
    schema.help + "\n\nFlags of the listener of ENDPOINT and UPSTREAM:\n" + ListenerConfiguration.flagSchema.keyHelp
  }

  /// The flags for shells: those of the listener too.
  package static var flagCompletions: [FlagCompletion] {
    schema.flagCompletions + ListenerConfiguration.flagSchema.keyCompletions
  }

  private static func listener(
    _ positionals: [String], _ flags: [(name: String, node: ConfigurationNode)], _ problems: inout ConfigurationProblems
  ) -> ListenerConfiguration {
    let arguments = zip(["endpoint", "upstream"], positionals).map { name, text in
      (name: name, node: ConfigurationNode(.scalar(text), .argument(name.uppercased())))
    }
    let entries = (arguments + flags).map { name, node in
      ConfigurationNode.Entry(key: name, provenance: node.provenance, value: node)
    }
    let node = ConfigurationNode(.mapping(entries), .argument("ENDPOINT"))
    return ListenerConfiguration.schema.read(node, key: "", problems: &problems)
  }
}
