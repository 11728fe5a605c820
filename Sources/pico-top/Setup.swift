internal import Glibc
internal import PicoConfiguration
internal import PicoCore
internal import PicoStatus
internal import PicoTopCore
internal import PicoTransport

/// What command line and settings say together; the former goes first.
struct Setup {
  let servers: [StatusAccess]
  let options: AppOptions
  let store: SettingsStore
  let themes: ThemeCatalogue
  let theme: String
  /// Where a crash is told.
  let crashFile: String?

  var settings: TopSettings { store.settings }
  /// Without the scheme, for people.
  var names: [String] { options.servers }

  init(_ command: TopCommand) throws {
    let environment = ProcessEnvironment.current
    let paths = SettingsPaths(environment: environment)
    themes = ThemeCatalogue(themeFolder: command.themeDir, environment: environment, executable: Self.executable)
    let names = themes.names
    store = try SettingsStore(configuration: paths.configuration, state: paths.state, themes: names)
    let settings = store.settings
    if let name = command.theme, !names.contains(name) {
      throw PicoError(
        .usage, "--theme: there is none named \"\(name.escapedForDisplay)\"; there are \(names.joined(separator: " "))", side: .internal)
    }
    theme = command.theme ?? settings.theme
    // What is wrong in the file of another theme is for whoever chooses that.
    _ = try themes.theme(named: theme)
    crashFile = paths.state.flatMap { path in path.lastIndex(of: "/").map { path[..<$0] + "/top-crash.txt" } }

    let urls = command.servers.isEmpty ? settings.servers : command.servers
    var servers: [StatusAccess] = []
    for url in urls.isEmpty ? ["localhost"] : urls {
      do throws(MalformedValue) {
        servers.append(try Self.access(url, command))
      } catch {
        throw PicoError(.badConfiguration, "servers: \(error)", side: .internal)
      }
    }
    if let file = command.tokenFile, let problem = Self.problem(ofToken: file) {
      throw PicoError(.badConfiguration, "--token-file: \(problem)", side: .internal)
    }
    self.servers = servers

    var options = AppOptions(servers: servers.map(\.server.authority))
    options.isReadOnly = command.readOnly
    options.protected = settings.protected + command.protected
    options.hasMouse = settings.mouse && !command.noMouse
    options.startFilter = command.filter ?? (settings.filter.isEmpty ? nil : settings.filter)
    options.startSort = command.sort
    options.intervalMilliseconds = Int((command.chosenInterval ?? settings.interval) / .milliseconds(1))
    self.options = options
  }

  private static func access(_ url: String, _ command: TopCommand) throws(MalformedValue) -> StatusAccess {
    var access = StatusAccess(server: try StatusAccess.server(url))
    access.tokenFile = command.tokenFile
    access.caFile = command.ca
    if let certificate = command.cert, let key = command.key {
      access.credentials = TLSContext.Credentials(certificateFile: certificate, keyFile: key)
    }
    return access
  }

  /// The file must be readable at the start; later it may vanish for a while.
  private static func problem(ofToken file: String) -> String? {
    do throws(TokenFileError) {
      _ = try TokenFile.read(file)
      return nil
    } catch {
      return error.description
    }
  }

  /// The path of this program, with links resolved; empty when the system does not say.
  private static var executable: String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // Writes at most the array.
    let count = unsafe buffer.withUnsafeMutableBytes { buffer in
      unsafe readlink("/proc/self/exe", buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}
