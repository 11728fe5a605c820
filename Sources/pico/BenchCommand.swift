internal import ArgumentParser
internal import PicoBench
internal import PicoCore
internal import PicoStatus
internal import PicoTransport
internal import UnixSignals

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Put load on a server and measure latency to p99.99, errors and CPU per request.",
    discussion: """
      Without --rate each connection sends its next request when it has an answer: this finds the highest throughput, and hides \
      stalls, because a server that stalls is not asked meanwhile. With --rate requests are due at constant intervals and latency \
      counts from then, whatever became of the requests before (no coordinated omission): use it to learn what users see.

      Exits with 0 when responses came, whatever their status, with 69 when none did, and with 77 when the server refuses the token.
      """)

  @Argument(help: "http://HOST:PORT/PATH or https://...; http://localhost:8080 without it.")
  var url: String?

  @Option(name: .shortAndLong, help: "The endpoint, sent as x-pico-endpoint.", transform: { try Self.endpoint($0) })
  var endpoint: String?

  @Option(name: .shortAndLong, help: "Connections that are open at the same time.")
  var connections = 64

  @Option(name: .shortAndLong, help: "How long to send (10s if there is no --requests).", transform: { try Self.duration($0) })
  var duration: Duration?

  @Option(name: [.customShort("n"), .long], help: "How many requests to send.")
  var requests: Int?

  @Option(name: .shortAndLong, help: "Requests per second over all connections.")
  var rate: Double?

  @Option(name: .shortAndLong, help: "GET, POST, ... (GET, or POST with --body).")
  var method: String?

  @Option(help: "Bytes of each request's body, such as 64KiB.", transform: { try Self.size($0) })
  var body = 0

  @Option(
    name: [.customShort("H"), .long], help: "NAME: VALUE, sent with each request; may be given again.", transform: { try Self.header($0) })
  var header: [BenchConfiguration.Header] = []

  @Option(help: "From sending to the end of the response.", transform: { try Self.duration($0) })
  var timeout = Duration.seconds(10)

  @Option(help: "Threads that make the load.")
  var threads = 1

  @Option(name: .shortAndLong, help: "A process whose CPU time and memory are measured; may be given again.")
  var pid: [Int32] = []

  @Option(help: ArgumentHelp("A file with a token, sent with each request as x-pico-authorization.", valueName: "FILE"))
  var tokenFile: String?

  @OptionGroup var files: TLSOptions

  @Option(help: "The server's admin port: what it counted is shown beside what was sent.", transform: { try BaseURL(argument: $0) })
  var admin: BaseURL?

  @Option(help: ArgumentHelp("A file with the token that the admin port wants.", valueName: "FILE"))
  var adminTokenFile: String?

  @Flag(name: .customLong("self"), help: "Measure a server, an agent and a service in this process: needs nothing else.")
  var ownServer = false

  @Option(help: "How to print the result.")
  var output = OutputForm.table

  func validate() throws {
    if ownServer {
      guard url == nil, endpoint == nil, admin == nil, tokenFile == nil, !files.isGiven else {
        throw ValidationError("--self excludes a URL, --endpoint, --admin, --token-file, --ca and --cert")
      }
    } else if url == nil, endpoint == nil {
      throw ValidationError("needs --endpoint NAME, the endpoint of an agent, or the URL of a server, or --self")
    }
    if adminTokenFile != nil, admin == nil { throw ValidationError("--admin-token-file needs --admin") }
    guard (1...100_000).contains(connections) else { throw ValidationError("--connections must be from 1 to 100000") }
    guard (1...256).contains(threads) else { throw ValidationError("--threads must be from 1 to 256") }
    if let requests, requests < 1 { throw ValidationError("--requests must be at least 1") }
    if let rate, !(rate > 0 && rate <= 10_000_000) { throw ValidationError("--rate must be above 0 and at most 10000000") }
    if let duration, duration <= .zero { throw ValidationError("--duration must be more than 0") }
    if timeout <= .zero { throw ValidationError("--timeout must be more than 0") }
    if let method, method.isEmpty || !method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) {
      throw ValidationError("--method: \"\(method)\" is not a method (like GET, POST)")
    }
  }

  func run() async throws {
    var configuration = BenchConfiguration()
    if let url, !configuration.setURL(url) {
      throw ValidationError("\"\(url)\" is not a URL to measure (like http://localhost:8080/path)")
    }
    configuration.endpoint = endpoint
    configuration.connections = connections
    configuration.requests = requests
    configuration.duration = duration ?? (requests == nil ? .seconds(10) : nil)
    configuration.rate = rate
    configuration.method = method ?? (body > 0 ? "POST" : "GET")
    configuration.bodyBytes = body
    configuration.headers = header
    configuration.timeout = timeout
    configuration.threads = threads
    configuration.processes = pid
    guard ownServer else { return try await measure(&configuration) }
    let path = try await BenchPath.start()
    configuration.host = path.proxy.host
    configuration.port = path.proxy.port
    configuration.endpoint = path.endpoint
    configuration.processes.append(ProcessUsage.ownID)
    do {
      try await Self.measure(configuration, admin: AdminClient(BaseURL(isTLS: false, address: path.admin)), output: output)
    } catch {
      await path.shutdown()
      throw error
    }
    await path.shutdown()
  }

  /// A server that is there already.
  private func measure(_ configuration: inout BenchConfiguration) async throws {
    if files.isGiven, !configuration.isTLS, admin?.isTLS != true {
      throw ValidationError("--ca, --cert and --key have no use without https")
    }
    configuration.caFile = files.ca
    configuration.credentials = files.credentials
    if let tokenFile {
      let server = BaseURL(isTLS: configuration.isTLS, address: HostPort(host: configuration.host, port: configuration.port))
      let token = try TokenFile.read(tokenFile, flag: "--token-file", for: server)
      configuration.headers += [BenchConfiguration.Header(name: "x-pico-authorization", value: token)].compactMap { $0 }
    }
    let client = try admin.map { url in
      try AdminClient(url, files, token: adminTokenFile.map { try TokenFile.read($0, flag: "--admin-token-file", for: url) })
    }
    try await Self.measure(configuration, admin: client, output: output)
  }

  private static func measure(_ configuration: BenchConfiguration, admin: AdminClient?, output: OutputForm) async throws {
    let before = try await totals(admin)
    let isTerminal = Output.isErrorTerminal
    let run = Task {
      try await Bench.run(configuration) { progress in
        if isTerminal { Output.progress("\r\(line(progress))\u{1B}[K") }
      }
    }
    // The first Ctrl-C ends the measurement with what it has; the task that waits for it ends with the process.
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let stop = Task { for await _ in signals { run.cancel() } }
    defer { stop.cancel() }
    let result = await run.result
    if isTerminal { Output.progress("\r\u{1B}[K") }
    var report = try result.get()
    if let before, let after = try await totals(admin) {
      report.server = BenchReport.ServerCounts(
        requests: after.requestsTotal &- before.requestsTotal, serverErrors: after.status.serverError &- before.status.serverError)
    }
    switch output {
    case .table: Output.write(report.table)
    case .json: Output.write(try report.json())
    }
    if report.exit != .ok { throw ExitCode(report.exit.rawValue) }
  }

  private static func totals(_ admin: AdminClient?) async throws -> TotalsRow? {
    guard let admin else { return nil }
    return try StatusSnapshot(json: await admin.get("/status/v1")).totals
  }

  private static func line(_ progress: Bench.Progress) -> String {
    let counts = progress.counts
    let seconds = Int(progress.elapsed.inSeconds.rounded())
    let latency = counts.latency.percentile(99).inMilliseconds
    return
      "\(seconds) s  \(Int(progress.requestsPerSecond)) requests/s  p99 \((latency * 100).rounded() / 100) ms  \(counts.errors.total) errors"
  }

  private static func endpoint(_ text: String) throws -> String {
    guard EndpointID(text) != nil else {
      throw ValidationError("\"\(text.escapedForDisplay)\" is not an endpoint (1 to 128 of A-Z a-z 0-9 . _ ~ -)")
    }
    return text
  }

  private static func duration(_ text: String) throws -> Duration {
    do throws(MalformedValue) { return try Duration(text: text) } catch { throw ValidationError("\(error)") }
  }

  private static func size(_ text: String) throws -> Int {
    do throws(MalformedValue) { return try ByteSize(text: text).bytes } catch { throw ValidationError("\(error)") }
  }

  private static func header(_ text: String) throws -> BenchConfiguration.Header {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let header = BenchConfiguration.Header(name: String(parts[0]), value: String(parts[1].drop { $0 == " " }))
    else {
      throw ValidationError("\"\(text.escapedForDisplay)\" is not a header (like 'accept: text/html')")
    }
    return header
  }
}
