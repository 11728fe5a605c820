import Glibc
import NIOCore
import NIOEmbedded
import Testing

@testable import PicoTunnel

/// The bytes that docs/protocol.md shows are bytes that the tunnel reads and writes.
@Suite struct ProtocolDocumentTests {
  /// What each side says in one fenced block.
  struct Block {
    var agent: [UInt8] = []
    var node: [UInt8] = []
  }

  static func text(of path: String) throws -> String {
    guard let file = unsafe fopen(path, "r") else {
      Issue.record("\(path) cannot be read")
      return ""
    }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    // The array has room for what is asked for.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  static func blocks() throws -> [Block] {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4).joined(separator: "/")
    var blocks: [Block] = []
    var isInside = false
    for line in try text(of: root + "/docs/protocol.md").split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isInside = line == "```hex"
        if isInside { blocks.append(Block()) }
      } else if isInside {
        let words = line.prefix { $0 != ";" }.split(separator: " ")
        let bytes = words.dropFirst().compactMap { UInt8($0, radix: 16) }
        #expect(bytes.count == words.count - 1 && !bytes.isEmpty, "\(line)")
        if words.first == "agent" { blocks[blocks.count - 1].agent += bytes } else { blocks[blocks.count - 1].node += bytes }
      }
    }
    return blocks
  }

  @Test func `the exchange in the document is the one on the wire`() throws {
    let blocks = try Self.blocks()
    #expect(blocks.count == 4)
    let node = try TunnelFixture(.server)
    defer { node.end() }
    try node.receiveRaw(blocks[0].agent)
    #expect(node.delegate.messages == [.hello(.init(agentID: "a-1", version: "1.0", weight: 1))])

    let consumer = RecordingConsumer()
    let stream = try #require(node.tunnel.open(consumer))
    stream.send(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), end: true)
    _ = try node.tick()
    #expect(node.messages == [blocks[1].node])
    try node.receiveRaw(blocks[2].agent)
    #expect(consumer.received == Array("HTTP/1.1 204 No Content\r\n\r\n".utf8))
    #expect(consumer.ends == 1 && node.tunnel.streamCount == 0)
    try node.receiveRaw(blocks[3].agent)
    _ = try node.tick()
    #expect(node.messages.last == blocks[3].node)

    // Our agent says the same, but for its key.
    let agent = try TunnelFixture(.client)
    defer { agent.end() }
    agent.tunnel.send(.hello(.init(agentID: "a-1", version: "1.0", weight: 1)))
    let hello = DecodedFrames([blocks[0].agent], expectsMask: true).payload
    _ = try agent.tick()
    #expect(agent.messages.map { DecodedFrames([$0], expectsMask: true).payload } == [hello])
    try agent.receiveRaw(blocks[1].node)
    try #require(agent.delegate.accepted.first).send(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8), end: true)
    _ = try agent.tick()
    #expect(
      agent.messages.last.map { DecodedFrames([$0], expectsMask: true).payload }
        == DecodedFrames([blocks[2].agent], expectsMask: true).payload)
  }
}
