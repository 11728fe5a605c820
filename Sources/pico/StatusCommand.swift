internal import ArgumentParser
internal import PicoCore
internal import PicoStatus
internal import PicoTransport

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show what a server knows: its nodes, endpoints and listeners.")

  enum Table: String, ExpressibleByArgument, CaseIterable {
    case endpoints, listeners, nodes
  }

  @Argument(help: "One table; without it the sums, the nodes and the endpoints.")
  var table: Table?

  @OptionGroup var admin: AdminOptions

  @Option(help: "How to print it.")
  var output = OutputForm.table

  func run() async throws {
    let body = try await admin.client().get("/status/v1")
    let snapshot: StatusSnapshot
    do { snapshot = try StatusSnapshot(json: body) } catch {
      throw PicoError(.malformedResponse, "what answers on \(admin.url) is not a Pico server", side: .upstream)
    }
    switch (output, table) {
    case (.json, nil): Output.write(snapshot.json + [0x0A])
    case (.json, .endpoints): Output.write(StatusSnapshot.json(snapshot.endpoints) + [0x0A])
    case (.json, .listeners): Output.write(StatusSnapshot.json(snapshot.listeners) + [0x0A])
    case (.json, .nodes): Output.write(StatusSnapshot.json(snapshot.nodes) + [0x0A])
    case (.table, nil): Output.write([snapshot.totalsText, snapshot.nodesTable, snapshot.endpointsTable].joined(separator: "\n"))
    case (.table, .endpoints): Output.write(snapshot.endpointsTable)
    case (.table, .listeners): Output.write(snapshot.listenersTable)
    case (.table, .nodes): Output.write(snapshot.nodesTable)
    }
  }
}

/// How a command prints its result.
enum OutputForm: String, ExpressibleByArgument, CaseIterable {
  case table, json
}

/// Where the admin port is.
struct AdminOptions: ParsableArguments {
  @Option(name: .customLong("admin"), help: "The admin port of the server.", transform: { try BaseURL(argument: $0) })
  var url = BaseURL(isTLS: false, address: HostPort(host: "localhost", port: 8081))

  @Option(help: "A file with the token that the admin port wants.")
  var tokenFile: String?

  @Option(help: ArgumentHelp("A PEM file of authorities for the server's certificate.", valueName: "FILE"))
  var ca: String?

  @Option(help: ArgumentHelp("A PEM file with the certificate to show.", valueName: "FILE"))
  var cert: String?

  @Option(help: ArgumentHelp("A PEM file with the key of --cert.", valueName: "FILE"))
  var key: String?

  func validate() throws {
    if (cert == nil) != (key == nil) { throw ValidationError("--cert and --key need each other") }
    if ca != nil || cert != nil, !url.isTLS { throw ValidationError("--ca, --cert and --key have no use with \(url), which is not https") }
  }

  /// Throws `badConfiguration` for files that cannot be used, and when the token would go unencrypted to another machine.
  func client() throws -> AdminClient {
    var credentials: TLSContext.Credentials?
    if let cert, let key { credentials = TLSContext.Credentials(certificateFile: cert, keyFile: key) }
    let tls = url.isTLS ? try TLSContext.make(caFile: ca, key: "--ca", credentials: credentials) : nil
    guard let tokenFile else { return AdminClient(url, tls: tls) }
    guard url.isTLS || url.address.isLoopback else {
      throw PicoError(.badConfiguration, "--token-file: the token would go unencrypted to \(url)", side: .internal)
    }
    do {
      let token = try TokenFile.read(tokenFile)
      guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw TokenFileError(description: "the token file \(tokenFile) holds characters that no token has")
      }
      return AdminClient(url, tls: tls, token: token)
    } catch {
      throw PicoError(.badConfiguration, "--token-file: \(error)", side: .internal)
    }
  }
}

extension BaseURL {
  /// Throws an error of the command line that quotes the text.
  init(argument: String) throws {
    do throws(MalformedValue) { try self.init(text: argument) } catch { throw ValidationError("\(error)") }
  }

  /// As the other, but of a server without TLS.
  init(plain argument: String) throws {
    try self.init(argument: argument)
    if isTLS { throw ValidationError("https is not supported here") }
  }
}
