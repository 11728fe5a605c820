internal import Crypto
package import PicoCore

/// What two nodes say to each other before a link is open, and how each proves that it knows the cluster's secret without sending it.
///
/// The dialer's request names the cluster, both nodes and a nonce; the answer brings the acceptor's nonce and proof; the dialer's proof is the
/// first stream of the link. Source: docs/protocol.md, "Links".
package struct LinkIntroduction: Equatable, Sendable {
  package enum Side: String, Sendable {
    case dialer
    case acceptor
  }

  package static let subprotocol = "pico.link.v1"
  package static let path = "/pico/v1/link"
  /// Hexadecimal digits of a nonce.
  package static let nonceLength = 32

  package var cluster: String
  package var dialer: NodeID
  package var acceptor: NodeID
  package var dialerNonce: String
  package var acceptorNonce: String

  package init(cluster: String, dialer: NodeID, acceptor: NodeID, dialerNonce: String, acceptorNonce: String) {
    self.cluster = cluster
    self.dialer = dialer
    self.acceptor = acceptor
    self.dialerNonce = dialerNonce
    self.acceptorNonce = acceptorNonce
  }

  package static func makeNonce() -> String { Hexadecimal.text(.random(in: 0 ... .max)) + Hexadecimal.text(.random(in: 0 ... .max)) }

  package static func isNonce(_ text: String) -> Bool {
    text.utf8.count == nonceLength && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  /// 32 bytes: HMAC-SHA256 over everything that was said and the side that says it, so that no proof serves twice or the other way.
  package func proof(of side: Side, secret: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: text(side), using: SymmetricKey(data: secret)))
  }

  /// Takes the same time wherever the bytes differ.
  package func isProof(_ proof: [UInt8], of side: Side, secret: [UInt8]) -> Bool {
    HMAC<SHA256>.isValidAuthenticationCode(proof, authenticating: text(side), using: SymmetricKey(data: secret))
  }

  /// No part of it holds a line feed.
  private func text(_ side: Side) -> [UInt8] {
    Array([Self.subprotocol, side.rawValue, cluster, dialer.text, acceptor.text, dialerNonce, acceptorNonce].joined(separator: "\n").utf8)
  }
}
