/// Where a person's files are, by the XDG Base Directory rules: a variable counts when it is an absolute path. All are nil without a home.
package struct SettingsPaths: Equatable, Sendable {
  /// `~/.config/pico/top.yaml`, which is only ever read.
  package let configuration: String?
  /// `~/.config/pico/themes`
  package let themes: String?
  /// `~/.local/state/pico/top-state.yaml`, which is written when a person changes something.
  package let state: String?

  package init(environment: [String: String]) {
    func folder(_ variable: String, _ fallback: String) -> String? {
      if let path = environment[variable], path.hasPrefix("/") { return path }
      return environment["HOME"].flatMap { $0.hasPrefix("/") ? "\($0)/\(fallback)" : nil }
    }
    let own = folder("XDG_CONFIG_HOME", ".config").map { $0 + "/pico" }
    configuration = own.map { $0 + "/top.yaml" }
    themes = own.map { $0 + "/themes" }
    state = folder("XDG_STATE_HOME", ".local/state").map { $0 + "/pico/top-state.yaml" }
  }
}
