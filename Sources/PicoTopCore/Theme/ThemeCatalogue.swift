internal import PicoConfiguration
internal import PicoCore

/// Where themes are found: `NAME.theme` in a few folders, the first of which wins, and the one that is built in.
package struct ThemeCatalogue: Sendable {
  private let folders: [String]

  package init(folders: [String]) { self.folders = folders }

  /// The folders in the order in which they count: that of `--theme-dir`, the person's own, the one installed with the executable, and the
  /// source tree that the executable was built in.
  ///
  /// `executable` is its path with links resolved; `environment` has `XDG_CONFIG_HOME` and `HOME`.
  package init(themeFolder: String?, environment: [String: String], executable: String) {
    var folders: [String] = []
    if let themeFolder { folders.append(themeFolder) }
    if let own = SettingsPaths(environment: environment).themes { folders.append(own) }
    var folder = Self.parent(of: executable)
    folders.append(Self.parent(of: folder) + "/share/pico/themes")
    for _ in 0..<5 where !folder.isEmpty {
      if TextFile.exists(folder + "/Package.swift") {
        folders.append(folder + "/themes")
        break
      }
      folder = Self.parent(of: folder)
    }
    self.init(folders: folders)
  }

  private static func parent(of path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }

  /// In alphabetical order, the default first. Files are listed, not read.
  package var names: [String] {
    var names: Set<String> = []
    for folder in folders {
      for file in TextFile.names(inFolder: folder) where file.hasSuffix(".theme") && !file.hasPrefix(".") {
        names.insert(String(file.dropLast(6)))
      }
    }
    names.remove(Theme.defaultName)
    return [Theme.defaultName] + names.sorted()
  }

  /// Throws for a name that no folder has, naming those that are there, and for a file that is no theme.
  package func theme(named name: String) throws(ThemeError) -> Theme {
    if !name.contains("/") {
      for path in folders.map({ "\($0)/\(name).theme" }) where TextFile.exists(path) { return try Self.read(path) }
    }
    guard name == Theme.defaultName else {
      throw ThemeError("theme", "there is none named \"\(name)\"; there are \(names.joined(separator: " "))")
    }
    return .builtIn
  }

  /// All themes by name, for the picker, and what is wrong with those that cannot be read.
  package func themes() -> (themes: [Theme], errors: [ThemeError]) {
    var themes: [Theme] = []
    var errors: [ThemeError] = []
    for name in names {
      do throws(ThemeError) {
        themes.append(try theme(named: name))
      } catch {
        errors.append(error)
      }
    }
    return (themes, errors)
  }

  private static func read(_ path: String) throws(ThemeError) -> Theme {
    let text: String
    do throws(FileReadError) {
      text = try TextFile.read(path: path, maximumSize: ThemeParser.maximumSize)
    } catch {
      throw ThemeError(path, error.reason)
    }
    return try Theme(parsing: text, file: path)
  }
}
