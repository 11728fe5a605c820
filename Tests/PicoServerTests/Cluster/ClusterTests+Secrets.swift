import NIOCore
import PicoCore
import Support
import Testing

@testable import PicoServer

/// The secrets that links are made with, and what becomes of links whose secret is taken out of the file.
extension NodeTests.ClusterTests {
  /// What the first and the second node have in their files.
  @Test(arguments: [("new\nold", "old"), ("old", "new\nold"), ("old\nnew", "new"), ("new", "old\nnew"), ("new\nold", "old\nnew")])
  func `nodes that have one secret in common are linked`(one: String, two: String) async throws {
    func secrets(_ names: String) -> String {
      names.split(separator: "\n").map { String(repeating: String($0), count: 20) }.joined(separator: "\n")
    }
    try directory.write("secret", secrets(one))
    try directory.write("other", secrets(two))
    try await with(secondSecret: "other") { pair in
      try await eventually("links both ways") { pair.one.node?.membership?.others == 1 && pair.two.node?.membership?.others == 1 }
    }
  }

  @Test func `a secret is changed node by node, without a link being lost or a restart`() async throws {
    let (old, new) = (String(repeating: "s3cret-", count: 9), String(repeating: "new-", count: 9))
    try directory.write("other", old)
    try await with(secondSecret: "other") { pair in
      _ = try await ScriptedAgent.connect(to: pair.two, ScriptedAgent.ok)
      try await known(pair.one)
      let settings = [pair.one, pair.two].map { $0.node?.link?.secrets }
      for (file, text) in [("secret", "\(new)\n\(old)"), ("other", "\(new)\n\(old)"), ("secret", new), ("other", new)] {
        try directory.write(file, text)
        try await eventually("it is read", within: 20) {
          settings[file == "secret" ? 0 : 1]?.all == text.split(separator: "\n").map { Array($0.utf8) }
        }
        #expect(try await ask(pair.one, Self.get).status == 200)
        // Links that begin now know each other as well.
        for node in [pair.one, pair.two] { await node.node?.membership?.closeLinks() }
        try await eventually("links both ways") { pair.one.node?.membership?.others == 1 && pair.two.node?.membership?.others == 1 }
        #expect(try await ask(pair.one, Self.get).status == 200)
      }
    }
  }

  /// Answers a request for `/held` when it is told to, and others at once.
  private static let holding: ScriptedAgent.Script = { stream, event in
    if event == .head, !stream.text.hasPrefix("GET /held") { ScriptedAgent.ok(stream, event) }
  }

  private static let held = "GET /held HTTP/1.1\r\nHost: a\r\nx-pico-endpoint: e\r\n\r\n"

  private func put(_ secrets: [String], into file: String, of node: RunningNode) async throws {
    try directory.write(file, secrets.joined(separator: "\n"))
    try await eventually("it is read", within: 20) { node.node?.link?.secrets?.all == secrets.map { Array($0.utf8) } }
  }

  private func states(_ pair: Pair) async -> [LinkState] { await pair.one.linkStates() + pair.two.linkStates() }

  @Test(arguments: [1, 2])
  func `links whose secret is taken out are replaced first, and what is open on them goes on`(threads: Int) async throws {
    let (old, new) = (String(repeating: "0ther-", count: 9), String(repeating: "new-", count: 9))
    try directory.write("secret", old)
    try await with(threads: threads, secondSecret: "other") { pair in
      let agent = try await ScriptedAgent.connect(to: pair.two, Self.holding)
      try await known(pair.one)
      let waiting = try pair.one.client()
      try await waiting.send(Self.held)
      _ = try await agent.streams(1)
      try await put([new, old], into: "secret", of: pair.one)
      try await put([new, old], into: "other", of: pair.two)
      #expect(await states(pair) == Array(repeating: LinkState(secret: old, former: 0), count: 2 * threads))
      // One node is ahead of the other: its own links are made anew by itself, those of the other one because it says so.
      try directory.write("secret", new)
      try await eventually("links with the new secret", within: 20) {
        let status = try await ask(pair.one, Self.get).status
        #expect(status == 200)
        return await states(pair).allSatisfy { $0.secret == new }
      }
      try await eventually("the former links to end, but for the one that has a request") {
        let status = try await ask(pair.one, Self.get).status
        #expect(status == 200)
        return await states(pair).map(\.former).reduce(0, +) == 1
      }
      try await agent.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate", end: true) }
      #expect(try await waiting.response().body == "late")
      try await eventually("the last one to end") { await states(pair).allSatisfy { $0.former == 0 } }
      #expect(pair.one.node?.membership?.others == 1 && pair.two.node?.membership?.others == 1)
    }
  }

  /// Whether what is open on the links is answered in time.
  @Test(arguments: [true, false])
  func `a node without the new secret is linked no more, and what is open has the grace period`(isAnswered: Bool) async throws {
    let (old, new) = (String(repeating: "0ther-", count: 9), String(repeating: "new-", count: 9))
    try directory.write("secret", old)
    let log = LogLines()
    try await with(secondSecret: "other", grace: isAnswered ? .seconds(60) : .seconds(1), log: log) { pair in
      let agent = try await ScriptedAgent.connect(to: pair.two, Self.holding)
      try await known(pair.one)
      let waiting = try pair.one.client()
      try await waiting.send(Self.held)
      _ = try await agent.streams(1)
      try await put([new], into: "secret", of: pair.one)
      try await eventually("neither to be linked", within: 20) {
        pair.one.node?.membership?.others == 0 && pair.two.node?.membership?.others == 0
      }
      #expect(try await ask(pair.one, Self.get).status == 502)
      if isAnswered { try await agent.act(0) { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate", end: true) } }
      #expect(try await waiting.response().status == (isAnswered ? 200 : 502))
      try await eventually("no link") {
        await states(pair).allSatisfy { $0.secret == nil && $0.former == 0 }
      }
      let lines = log.all.filter { $0.hasPrefix("no new link to a node") }
      #expect(lines.count == 1 && lines[0].contains("cluster.secret-file"), "\(lines)")
      // It is taken back as soon as it has the secret.
      try await put([new], into: "other", of: pair.two)
      try await eventually("links both ways") { pair.one.node?.membership?.others == 1 && pair.two.node?.membership?.others == 1 }
      #expect(try await ask(pair.one, Self.get).status == 200)
    }
  }
}

/// A loop's links to the other node.
private struct LinkState: Equatable, Sendable {
  /// Of the one that takes hops; nil when there is none.
  var secret: String?
  /// Others that are not closed yet.
  var former: Int
}

extension RunningNode {
  fileprivate func linkStates() async -> [LinkState] {
    guard let membership = node?.membership else { return [] }
    let peers = membership.peers.values.map(\.node)
    return await membership.loops.gather { context in
      peers.compactMap { $0.link(context.resources) }.map {
        LinkState(secret: $0.tunnel == nil ? nil : $0.secret.map { String(decoding: $0, as: UTF8.self) }, former: $0.former.count)
      }
    }.flatMap { $0 }
  }
}
