internal import ArgumentParser
internal import NIOHTTP1
internal import PicoCore
internal import PicoStatus

struct DisconnectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disconnect",
    abstract: "End a listener, and keep its agent away for a while if wanted.",
    discussion: """
      Without --block an agent comes back at once. On a terminal it says first what would happen, and asks.
      IDs of listeners are in: pico status listeners
      """)

  enum Mode: String, ExpressibleByArgument, CaseIterable {
    case drain, now
  }

  enum Scope: String, ExpressibleByArgument, CaseIterable {
    case agent, identity, endpoint
  }

  @Argument(help: "The ID of the listener, such as l-0123456789abcdef.")
  var listener: String

  @OptionGroup var admin: AdminOptions

  @Option(help: "drain: nothing new, and what is in flight may finish; now: cut at once.")
  var mode = Mode.drain

  @Option(help: "How long the agent is refused: 10m, 1h, at most 24h; 0 for not at all.", transform: Self.block)
  var block = Duration.zero

  @Option(help: "What a block refuses: the agent at this endpoint, its identity everywhere, or everybody at the endpoint.")
  var scope = Scope.agent

  @Option(help: "Refuse if the endpoint would have fewer listeners left.")
  var minRemaining = 0

  @Option(help: "For the log, the list of blocks and the agent.")
  var reason = ""

  @Flag(help: "Do not ask.")
  var yes = false

  private static func block(_ text: String) throws -> Duration {
    let duration: Duration
    do throws(MalformedValue) { duration = try Duration(text: text) } catch { throw ValidationError("--block: \(error)") }
    guard duration == .zero || (.seconds(1)...(.seconds(86_400))).contains(duration) else {
      throw ValidationError("--block: \(text.escapedForDisplay) is not from 1s to 24h, nor 0")
    }
    return duration
  }

  func validate() throws {
    guard minRemaining >= 0 else { throw ValidationError("--min-remaining: \(minRemaining) is below 0") }
    guard reason.utf8.count <= 1024 else { throw ValidationError("--reason: longer than 1024 bytes") }
    guard yes || Output.isInputTerminal else { throw ValidationError("--yes is needed where standard input is no terminal") }
  }

  func run() async throws {
    let client = try admin.client()
    if !yes {
      let preview = try await send(isDryRun: true, client)
      Output.line(try await question(preview, client))
      Output.write("Go on? [y/N] ")
      guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
        Output.line("nothing was done")
        return
      }
    }
    let result = try await send(isDryRun: false, client)
    Output.line(outcome(result))
    result.warnOfSilence("pico disconnect")
  }

  private func send(isDryRun: Bool, _ client: AdminClient) async throws -> ActionResult {
    let disconnect = Disconnect(
      id: "pico-" + Hexadecimal.text(.random(in: 0 ... .max)), listeners: [listener], mode: mode == .now ? .now : .drain,
      blockSeconds: Int(block.inSeconds.rounded(.up)), scope: BlockScope(rawValue: scope.rawValue), minimumRemaining: minRemaining,
      reason: reason, isDryRun: isDryRun)
    let path = "/status/v1/listeners/\(listener.percentEncoded)/disconnect"
    let (status, body) = try await client.send(.POST, path, json: disconnect.json)
    return try ActionResult(status: status, body: body, admin.url, notFound: "listener \(listener.quotedForDisplay)")
  }

  /// What would happen, in words.
  private func question(_ preview: ActionResult, _ client: AdminClient) async throws -> String {
    let snapshot = try? StatusSnapshot(json: try await client.get("/status/v1"))
    let row = snapshot?.listeners.first { $0.id == listener }
    let matched = preview.matched ?? 1
    var lines: [String] = []
    if let row {
      lines.append("listener \(row.id) of endpoint \(row.endpoint), \(row.inFlight) request\(row.inFlight == 1 ? "" : "s") in flight")
      lines.append("agent    \(row.agent ?? "without an ID") at \(row.remoteAddress)" + (row.identity.map { ", identity \($0)" } ?? ""))
    } else {
      lines.append("listener \(listener)")
    }
    lines.append("ends     \(Self.listeners(matched)), \(mode == .now ? "at once" : "draining"); \(remainingText(preview))")
    lines.append(
      block == .zero ? "comes back at once" : "blocked  for \(block.text), scope \(scope.rawValue)")
    return lines.map(\.escapedForDisplay).joined(separator: "\n")
  }

  private func outcome(_ result: ActionResult) -> String {
    let matched = result.matched ?? 1
    var text = "\(mode == .now ? "disconnected" : "draining") \(Self.listeners(matched)); \(remainingText(result))"
    if let block = result.block { text += "; block \(block) for \(self.block.text)" }
    return text.escapedForDisplay
  }

  private static func listeners(_ count: Int) -> String { count == 1 ? "1 listener" : "\(count) listeners" }

  private func remainingText(_ result: ActionResult) -> String {
    let remaining = result.results.first?.remaining ?? 0
    return "the endpoint has \(remaining == 0 ? "none" : "\(remaining)") left"
  }
}

extension ActionResult {
  /// Which nodes did not answer; nil when all did.
  private var silence: String? {
    unreachable.isEmpty ? nil : "\(unreachable.joined(separator: ", ")) did not answer"
  }

  /// What was done is not known to be done on every node.
  func warnOfSilence(_ command: String) {
    if let silence { Output.error("\(command): warning: \(silence)".escapedForDisplay) }
  }

  /// Reads the answer to an action on one thing; throws what went wrong as one line.
  init(status: Int, body: [UInt8], _ url: BaseURL, notFound thing: String) throws {
    guard let result = try? ActionResult(json: body), !result.id.isEmpty else {
      throw PicoError(.malformedResponse, "\(url) answers with status \(status): is it an admin port?", side: .upstream)
    }
    switch result.error ?? result.results.first?.error {
    case nil: self = result
    case "not-found"?: throw PicoError(.notFound, "\(thing) is not known to \(url)", side: .downstream)
    case "would-remove-last"?:
      let remaining = result.results.first?.remaining ?? 0
      throw PicoError(.malformedRequest, "refused: too few would be left (now \(remaining))", side: .downstream)
    case "unreachable"?:
      throw PicoError(
        .unreachable, "\(result.silence ?? "a node of the cluster did not answer"), and \(thing) may be there", side: .upstream)
    case "no-identity"?: throw PicoError(.malformedRequest, "the listener has no verified identity; use --scope agent", side: .downstream)
    case let error?: throw PicoError(.malformedRequest, "refused: \(error)", side: .downstream)
    }
  }
}

extension String {
  /// As one segment of a path (RFC 3986, section 2.3).
  var percentEncoded: String {
    utf8.reduce(into: "") { text, byte in
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "-_~.".utf8.contains(byte)
      text += isPlain ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
  }

  var quotedForDisplay: String { "\"\(escapedForDisplay)\"" }
}
