internal import ArgumentParser
internal import PicoCore
internal import PicoStatus
internal import PicoTopCore

/// The command line.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pico-top",
    abstract: "Show what is live on Pico servers, and disconnect listeners.",
    discussion: """
      A URL is that of an admin port: ws://HOST:PORT, wss://HOST, HOST:PORT or HOST. \
      Several are shown as one. Without any it is ws://localhost:8081.

      Keys are shown at the bottom of the screen; ? explains all, q quits. \
      Without a terminal the rows are printed once.
      """,
    version: "pico-top \(PicoVersion.current)")

  @Argument(help: ArgumentHelp("Admin ports of servers.", valueName: "URL"))
  var servers: [String] = []

  @Option(help: ArgumentHelp("A file with the token to show.", valueName: "FILE"))
  var tokenFile: String?

  @Option(help: ArgumentHelp("A PEM file of authorities to trust instead of the system's.", valueName: "FILE"))
  var ca: String?

  @Option(help: ArgumentHelp("A PEM file with the certificate to show.", valueName: "FILE"))
  var cert: String?

  @Option(help: ArgumentHelp("A PEM file with the key of --cert.", valueName: "FILE"))
  var key: String?

  @Option(help: ArgumentHelp("The colours: a theme by name.", valueName: "NAME"))
  var theme: String?

  @Option(help: ArgumentHelp("Where more themes are.", valueName: "DIRECTORY"))
  var themeDir: String?

  @Flag(help: "Look only: nothing can be disconnected.")
  var readOnly = false

  @Option(help: ArgumentHelp("Ask for typing before cutting anything on these servers; * is any text.", valueName: "PATTERN"))
  var protected: [String] = []

  @Option(help: ArgumentHelp("Show these rows only, such as 'rate>10 and p99>200ms'.", valueName: "EXPRESSION"))
  var filter: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("The column to sort by; -KEY sorts the largest first.", valueName: "KEY"))
  var sort: String?

  @Option(help: ArgumentHelp("Time between updates, 100ms to 1m.", valueName: "DURATION"))
  var interval: String?

  @Flag(help: "Print the rows once.")
  var once = false

  @Flag(help: "Print the rows every interval.")
  var watch = false

  @Option(help: ArgumentHelp("How to print.", valueName: "FORMAT"))
  var format: PlainFormat?

  @Option(help: ArgumentHelp("Write all that servers say to a file.", valueName: "FILE"))
  var record: String?

  @Option(help: ArgumentHelp("Show a recording instead of servers.", valueName: "FILE"))
  var replay: String?

  @Flag(help: "Draw with ASCII characters only.")
  var ascii = false

  @Flag(help: "Leave the mouse to the terminal.")
  var noMouse = false

  /// What is wrong with flags beside each other.
  func validate() throws {
    if once && watch { throw ValidationError("--once and --watch cannot go together") }
    if record != nil && replay != nil { throw ValidationError("--record and --replay cannot go together") }
    if replay != nil && !servers.isEmpty { throw ValidationError("--replay takes no URL: \(servers[0].escapedForDisplay)") }
    if (cert == nil) != (key == nil) { throw ValidationError("--cert and --key need each other") }
    for text in servers { try Self.checking("") { _ = try StatusAccess.server(text) } }
    if let interval { try Self.checking("--interval: ") { _ = try Self.interval(interval) } }
    if let sort, RowOrder<EndpointRow>(sort) == nil {
      throw ValidationError(
        "--sort: there is no column \"\(sort.escapedForDisplay)\"; there are \(EndpointRow.fieldNames.joined(separator: " "))")
    }
    if let filter {
      try Self.checking("--filter: ") { try FilterExpression(filter).validate(for: EndpointRow.self) }
    }
  }

  private static func checking(_ flag: String, _ body: () throws -> Void) throws {
    do { try body() } catch { throw ValidationError("\(flag)\(error)".escapedForDisplay) }
  }

  /// What the server can do: 100 ms to a minute.
  private static func interval(_ text: String) throws(MalformedValue) -> Duration {
    let interval = try Duration(text: text)
    guard interval >= .milliseconds(100), interval <= .seconds(60) else {
      throw MalformedValue(text, isNot: "an interval from 100ms to 1m", like: "500ms, 1s")
    }
    return interval
  }

  var chosenInterval: Duration? { interval.flatMap { try? Self.interval($0) } }
}

extension PlainFormat: ExpressibleByArgument {}
