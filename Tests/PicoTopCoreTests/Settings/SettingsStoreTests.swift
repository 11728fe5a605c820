import FoundationEssentials
import PicoConfiguration
import PicoCore
import Testing

@testable import PicoTopCore

@Suite struct SettingsStoreTests {
  /// A folder that is gone after the test.
  private static func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "pico-top-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private static func write(_ text: String, _ path: String) throws { try text.write(toFile: path, atomically: false, encoding: .utf8) }

  @Test func `without files the defaults hold`() throws {
    let store = try SettingsStore(configuration: "/nowhere/top.yaml", state: "/nowhere/top-state.yaml")
    #expect(store.settings == TopSettings())
    #expect(store.notices == [])
  }

  @Test func `every key of the file is read`() throws {
    try Self.withFolder { folder in
      try Self.write(
        """
        theme: nord
        keys: {disconnect: [X, delete], quit: [q]}
        columns:
          endpoints: [name, rate]
          nodes: [id, cpu]
        sort: {endpoints: -rate, listeners: age}
        servers: [ws://a:8081, b]
        mouse: false
        ascii: true
        interval: 500ms
        protected: ["prod-*"]
        filter: rate>10 and name~^api
        """, "\(folder)/top.yaml")
      let settings = try SettingsStore(configuration: "\(folder)/top.yaml", state: nil).settings
      #expect(settings.theme == "nord")
      #expect(settings.keys == ["disconnect": ["X", "delete"], "quit": ["q"]])
      #expect(settings.columns == ["endpoints": ["name", "rate"], "nodes": ["id", "cpu"]])
      #expect(settings.sort == ["endpoints": "-rate", "listeners": "age"])
      #expect(settings.servers == ["ws://a:8081", "b"])
      #expect(!settings.mouse && settings.ascii)
      #expect(settings.interval == .milliseconds(500))
      #expect(settings.protected == ["prod-*"])
      #expect(settings.filter == "rate>10 and name~^api")
    }
  }

  @Test(
    arguments: [
      ("theme: a\ncolour: b", "FILE:2: colour: unknown key"), ("mouse: perhaps", "FILE:1: mouse: \"perhaps\" is not"),
      ("interval: 10ms", "FILE:1: interval: \"10ms\" must be from 100ms to 1m"), ("keys: [a]", "FILE:1: keys: needs a mapping"),
      ("keys:\n  quit: q", "FILE:2: keys.quit: needs a list"), ("keys:\n  quit:", "FILE:2: keys.quit: has no value"),
      ("columns:\n  endpoints: [name]\n  endpoint: [name]", "FILE:3: columns.endpoint: is no table; tables are endpoints"),
      ("columns:\n  endpoints: []", "FILE:2: columns.endpoints: names no column"),
      ("columns:\n  endpoints: [nmae]", "FILE:2: columns.endpoints: \"nmae\" is not a column (name tenant"),
      ("sort:\n  endpoints: foo", "FILE:2: sort.endpoints: \"foo\" is not a field (name id endpoint"),
      ("sort: {totals: rate}", "FILE:1: sort.totals: is no table that can be sorted"),
      ("keys:\n  quit: [q]\n  disconnect: [q]", "FILE:2: keys.quit: q is bound to disconnect too"),
      ("keys:\n  disconnect: [q]", "FILE:2: keys.disconnect: q is bound to quit too"),
      ("theme: a\nkeys: {disconect: [x]}", "FILE:2: keys.disconect: is no action"),
      ("interval: 1s\nservers: [a, \"ftp://x\"]", "FILE:2: servers: \"ftp://x\" is not the URL"),
      ("interval: 1s\ntheme: nosuch", "FILE:2: theme: \"nosuch\" is no theme (a nord)"),
      ("keys:\n  quit: [q]\n  up: [Hyper-U]", "FILE:3: keys.up: \"Hyper-U\" is no key"),
      ("theme: a\nfilter: rate>", "FILE:2: filter: expected a value after > at 6"),
      ("filter: agent==a", "FILE:1: filter: unknown name \"agent\""),
      ("a: [", "FILE:"), ("theme: a\ntheme: b", "FILE:1: theme: is given again"),
    ] as [(String, String)])
  func `what is wrong with the file is named with its line`(text: String, message: String) throws {
    try Self.withFolder { folder in
      let path = "\(folder)/top.yaml"
      try Self.write(text, path)
      let error = #expect(throws: ConfigurationError.self) { try SettingsStore(configuration: path, state: nil, themes: ["a", "nord"]) }
      let line = error?.lines.first?.split(separator: path, omittingEmptySubsequences: false).joined(separator: "FILE") ?? ""
      #expect(line.hasPrefix(message), "\(line)")
      #expect(error?.exit == .configuration)
    }
  }

  @Test func `theme, sort and columns are remembered, and the person's file is left alone`() throws {
    try Self.withFolder { folder in
      let (own, state) = ("\(folder)/top.yaml", "\(folder)/deep/er/top-state.yaml")
      let text = "# mine\ntheme: nord\nmouse: false\n"
      try Self.write(text, own)
      let store = try SettingsStore(configuration: own, state: state)
      var settings = store.settings
      settings.theme = "a \"b\" é"
      settings.sort["endpoints"] = "-p99"
      settings.columns["nodes"] = ["id", "cpu"]
      try store.remember(settings)
      try store.remember(settings)
      let again = try SettingsStore(configuration: own, state: state)
      #expect(again.settings == settings)
      #expect(again.notices == [])
      #expect(try String(contentsOfFile: own, encoding: .utf8) == text)
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/deep/er") == ["top-state.yaml"])
      // Other keys of the file are not remembered.
      try Self.write("# mine\ntheme: nord\nmouse: true\n", own)
      #expect(try SettingsStore(configuration: own, state: state).settings.mouse)
      #expect(try SettingsStore(configuration: own, state: state).settings.theme == settings.theme)
    }
  }

  @Test func `what the person's file says anew counts above what was remembered`() throws {
    try Self.withFolder { folder in
      let (own, state) = ("\(folder)/top.yaml", "\(folder)/top-state.yaml")
      try Self.write("theme: nord", own)
      let store = try SettingsStore(configuration: own, state: state)
      var settings = store.settings
      settings.theme = "dracula"
      try store.remember(settings)
      try Self.write("theme: gruvbox-dark", own)
      #expect(try SettingsStore(configuration: own, state: state).settings.theme == "gruvbox-dark")
    }
  }

  @Test(arguments: ["theme: [", "theme: 1\nnew-key: 2", "sort: {endpoints: gone}", "\u{0}", "columns: {x: [a]}"])
  func `a broken state is ignored with a notice`(text: String) throws {
    try Self.withFolder { folder in
      try Self.write(text, "\(folder)/state.yaml")
      let store = try SettingsStore(configuration: nil, state: "\(folder)/state.yaml")
      #expect(store.settings == TopSettings())
      #expect(store.notices.count == 1)
      #expect(store.notices.first?.hasPrefix("what was remembered is ignored: ") == true)
    }
  }

  @Test func `a remembered theme that is gone is ignored with a notice`() throws {
    try Self.withFolder { folder in
      let state = "\(folder)/state.yaml"
      var settings = TopSettings()
      settings.theme = "mine"
      settings.sort["endpoints"] = "-p99"
      try SettingsStore(configuration: nil, state: state).remember(settings)
      let store = try SettingsStore(configuration: nil, state: state, themes: [Theme.defaultName, "nord"])
      #expect(store.settings.theme == Theme.defaultName)
      #expect(store.settings.sort["endpoints"] == "-p99")
      #expect(store.notices == ["the theme \"mine\" that was remembered is gone"])
    }
  }

  @Test func `a state that cannot be written is an error with its path`() throws {
    let store = try SettingsStore(configuration: nil, state: "/proc/nowhere/state.yaml")
    let error = #expect(throws: FileWriteError.self) { try store.remember(TopSettings()) }
    #expect(error?.reason.hasPrefix("/proc/nowhere/state.yaml cannot be written: ") == true)
  }

  @Test(
    arguments: [
      (["HOME": "/home/a"], "/home/a/.config/pico/top.yaml", "/home/a/.local/state/pico/top-state.yaml"),
      (["HOME": "/home/a", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"], "/c/pico/top.yaml", "/s/pico/top-state.yaml"),
      (
        ["HOME": "/home/a", "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "s"], "/home/a/.config/pico/top.yaml",
        "/home/a/.local/state/pico/top-state.yaml"
      ),
      ([:], nil, nil),
    ] as [([String: String], String?, String?)])
  func `files are where XDG says`(environment: [String: String], configuration: String?, state: String?) {
    let paths = SettingsPaths(environment: environment)
    #expect(paths.configuration == configuration)
    #expect(paths.state == state)
  }
}
