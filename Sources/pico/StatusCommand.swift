internal import ArgumentParser
internal import PicoCore
internal import PicoStatus
internal import PicoTransport

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show what a server knows: its nodes, endpoints and listeners.")

  enum Table: String, ExpressibleByArgument, CaseIterable {
    case endpoints, listeners, nodes, route
  }

  @Argument(help: "One table; without it the sums, the nodes and the endpoints. With route: what would become of a request to HOST.")
  var table: Table?

  @Argument(help: "With route: the Host of the request.")
  var host: String?

  @Option(help: "With route: the x-pico-endpoint of the request.")
  var endpoint: String?

  @Option(help: "With route: the path of the request.")
  var path: String?

  @Option(help: "With route: the tenant of the request's token.")
  var tenant: String?

  enum Scope: String, ExpressibleByArgument, CaseIterable {
    case cluster, node
  }

  @OptionGroup var admin: AdminOptions

  @Option(help: "Of all nodes, or of the one that is asked.")
  var scope = Scope.cluster

  @Option(help: "How to print it.")
  var output = OutputForm.table

  func validate() throws {
    if table == .route {
      guard host != nil || endpoint != nil else { throw ValidationError("route needs a HOST or --endpoint") }
    } else if host != nil || endpoint != nil || path != nil || tenant != nil {
      throw ValidationError("HOST, --endpoint, --path and --tenant belong to route")
    }
  }

  /// Says what the server would do with a request.
  private func explain() async throws {
    let parameters = [("host", host), ("endpoint", endpoint), ("path", path), ("tenant", tenant)]
    let query = parameters.compactMap { name, value in value.map { "\(name)=\($0.percentEncoded)" } }.joined(separator: "&")
    let body = try await admin.client().get("/status/v1/route?\(query)")
    let answer: RouteAnswer
    do { answer = try RouteAnswer(json: body) } catch {
      throw PicoError(.malformedResponse, "what answers on \(admin.url) is not a Pico server", side: .upstream)
    }
    switch output {
    case .json: Output.write(answer.json + [0x0A])
    case .table: Output.write(answer.text)
    }
  }

  func run() async throws {
    if table == .route { return try await explain() }
    let body = try await admin.client().get(scope == .node ? "/status/v1?scope=node" : "/status/v1")
    let snapshot: StatusSnapshot
    do { snapshot = try StatusSnapshot(json: body) } catch {
      throw PicoError(.malformedResponse, "what answers on \(admin.url) is not a Pico server", side: .upstream)
    }
    switch (output, table) {
    case (.json, nil): Output.write(snapshot.json + [0x0A])
    case (.json, .endpoints): Output.write(StatusSnapshot.json(snapshot.endpoints) + [0x0A])
    case (.json, .listeners): Output.write(StatusSnapshot.json(snapshot.listeners) + [0x0A])
    case (.json, .nodes): Output.write(StatusSnapshot.json(snapshot.nodes) + [0x0A])
    // Answered above.
    case (_, .route): break
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

  @OptionGroup var files: TLSOptions

  func validate() throws {
    if files.isGiven, !url.isTLS { throw ValidationError("--ca, --cert and --key have no use with \(url), which is not https") }
  }

  /// Throws `badConfiguration` for files that cannot be used, and when the token would go unencrypted to another machine.
  func client() throws -> AdminClient {
    try AdminClient(url, files, token: tokenFile.map { try TokenFile.read($0, flag: "--token-file", for: url) })
  }
}

extension BaseURL {
  /// Throws an error of the command line that quotes the text.
  init(argument: String) throws {
    do throws(MalformedValue) { try self.init(text: argument) } catch { throw ValidationError("\(error)") }
  }
}
