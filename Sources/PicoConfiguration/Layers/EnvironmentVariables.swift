/// The environment as a layer: key `proxy.head-timeout` is `PICO_PROXY_HEAD_TIMEOUT`.
package enum EnvironmentVariables {
  package static func name(of key: String) -> String {
    "PICO_" + String(key.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 })
  }

  /// Whether Kubernetes puts a variable of this name into pods when a service is called `pico` or `pico-…`.
  package static func isInjected(_ name: String) -> Bool {
    guard name.hasPrefix("PICO_") else { return false }
    let rest = name.dropFirst(5)
    return rest.hasPrefix("PORT") || rest.hasPrefix("SERVICE_") || rest.hasSuffix("_SERVICE_HOST") || hasPortPart(rest)
  }

  /// `*_PORT*`
  private static func hasPortPart(_ text: Substring) -> Bool {
    text.indices.contains { text[$0...].hasPrefix("_PORT") && $0 > text.startIndex }
  }

  /// The keys that are set, by name; warns of variables that look like ours and are not.
  static func layer<Root>(
    _ environment: [String: String], schema: ConfigurationSchema<Root>, problems: inout ConfigurationProblems
  ) -> [String: ConfigurationNode] {
    var layer: [String: ConfigurationNode] = [:]
    var names: [String: ConfigurationKey<Root>] = [:]
    for key in schema.keys { names[name(of: key.name)] = key }
    for (name, text) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("PICO_") {
      if let key = names[name] {
        if key.isFileOnly {
          problems.add(key.name, at: .environment(name), "can be given only in a configuration file")
        } else {
          layer[key.name] = ConfigurationNode(.scalar(text), .environment(name))
        }
      } else if !isInjected(name) {
        let near = Spelling.nearest(to: name, among: names.keys.sorted()).map { " (did you mean \($0)?)" } ?? ""
        problems.warn("\(name): unknown environment variable, ignored\(near)")
      }
    }
    return layer
  }
}
