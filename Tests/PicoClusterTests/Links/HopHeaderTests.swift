import NIOCore
import PicoCore
import Testing

@testable import PicoCluster

@Suite struct HopHeaderTests {
  private static let headers: [HopHeader] = [
    HopHeader(.proof), HopHeader(LinkTopic.status), HopHeader(.exchange, EndpointID("a")), HopHeader(.raw, EndpointID("my-endpoint-123")),
    HopHeader(.exchange, TenantID("acme").flatMap { EndpointID("web", of: $0) }),
    HopHeader(.raw, TenantID(String(repeating: "t", count: 128)).flatMap { EndpointID(String(repeating: "e", count: 128), of: $0) }),
  ]

  @Test(arguments: headers)
  func `a header reads back, however it is split, and ends where it ends`(header: HopHeader) {
    let bytes = header.bytes
    for count in 0..<bytes.count { #expect(HopHeader.read(ByteBuffer(bytes: bytes.prefix(count))) == .needsMore) }
    #expect(HopHeader.read(ByteBuffer(bytes: bytes)) == .whole(header, length: bytes.count))
    #expect(HopHeader.read(ByteBuffer(bytes: bytes + [1, 2, 3])) == .whole(header, length: bytes.count))
  }

  @Test(
    arguments: [
      [2, 2, 0, 1, 0x61], [0], [1, 0, 0, 1, 0x61], [1, 5, 0, 1, 0x61], [1, 4, 1, 1, 0x61, 0x61], [1, 4, 0, 0], [1, 1, 0, 1, 0x61],
      [1, 2, 0, 0], [1, 2, 0, 2, 0x2E, 0x2E],
      [1, 2, 0, 1, 0x20], [1, 2, 1, 1, 0x2F, 0x61], [1, 3, 200, 200] + [UInt8](repeating: 0x61, count: 400), [1, 2, 1, 0, 0x61],
    ] as [[UInt8]])
  func `what is no header is malformed`(bytes: [UInt8]) {
    #expect(HopHeader.read(ByteBuffer(bytes: bytes)) == .malformed)
  }
}

@Suite struct LinkIntroductionTests {
  private static func introduction() throws -> LinkIntroduction {
    LinkIntroduction(
      cluster: "c", dialer: try #require(NodeID(prefix: "n-")), acceptor: try #require(NodeID(prefix: "n-")),
      dialerNonce: LinkIntroduction.makeNonce(), acceptorNonce: LinkIntroduction.makeNonce())
  }

  private static let secret = [UInt8](repeating: 7, count: 32)

  @Test func `a proof is good for its own words, side and secret alone`() throws {
    let introduction = try Self.introduction()
    let proof = introduction.proof(of: .dialer, secret: Self.secret)
    #expect(proof.count == 32 && introduction.isProof(proof, of: .dialer, secret: Self.secret))
    #expect(!introduction.isProof(proof, of: .acceptor, secret: Self.secret))
    #expect(!introduction.isProof(proof, of: .dialer, secret: [UInt8](repeating: 8, count: 32)))
    #expect(!introduction.isProof(Array(proof.dropLast()), of: .dialer, secret: Self.secret))
    #expect(!introduction.isProof([], of: .dialer, secret: Self.secret))
    for change in [\LinkIntroduction.cluster, \.dialerNonce, \.acceptorNonce] {
      var other = introduction
      other[keyPath: change] += "0"
      #expect(!other.isProof(proof, of: .dialer, secret: Self.secret))
    }
    var turned = introduction
    (turned.dialer, turned.acceptor) = (introduction.acceptor, introduction.dialer)
    #expect(!turned.isProof(proof, of: .dialer, secret: Self.secret))
  }

  @Test func `nonces are of one form and never the same`() {
    let nonces = (0..<100).map { _ in LinkIntroduction.makeNonce() }
    #expect(Set(nonces).count == 100 && nonces.allSatisfy(LinkIntroduction.isNonce))
    for text in ["", "abc", String(repeating: "g", count: 32), String(repeating: "A", count: 32), String(repeating: "a", count: 33)] {
      #expect(!LinkIntroduction.isNonce(text))
    }
  }
}
