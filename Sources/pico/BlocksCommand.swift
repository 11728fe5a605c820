internal import ArgumentParser
internal import NIOHTTP1
internal import PicoCore
internal import PicoStatus

struct BlocksCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "blocks", abstract: "Show who is refused by an operator's block, why, and for how long.")

  @OptionGroup var admin: AdminOptions

  @Option(help: "How to print it.")
  var output = OutputForm.table

  func run() async throws {
    let body = try await admin.client().get("/status/v1/blocks")
    let answer: BlocksAnswer
    do { answer = try BlocksAnswer(json: body) } catch {
      throw PicoError(.malformedResponse, "what answers on \(admin.url) is not a Pico server", side: .upstream)
    }
    switch output {
    case .json: Output.write(answer.json + [0x0A])
    case .table: Output.write(answer.table(now: .now()))
    }
  }
}

struct UnblockCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unblock", abstract: "Lift a block before its time.",
    discussion: "IDs of blocks are in: pico blocks. Agents that were refused come back within 15 s.")

  @Argument(help: "The ID of the block, such as b-0123456789abcdef.")
  var block: String

  @OptionGroup var admin: AdminOptions

  func run() async throws {
    let (status, body) = try await admin.client().send(.DELETE, "/status/v1/blocks/\(block.percentEncoded)")
    let result = try ActionResult(status: status, body: body, admin.url, notFound: "block \(block.quotedForDisplay)")
    Output.line("lifted \(block.escapedForDisplay)")
    result.warnOfSilence("pico unblock")
  }
}
