import Logging
import PicoAuth
import PicoCluster
import PicoCore
import Support
import Testing

@testable import PicoServer

@Suite struct LinkSecretsTests {
  private static let (one, two) = (String(repeating: "1", count: 32), String(repeating: "2", count: 40))
  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  @Test(
    arguments: [
      ("\(one)", [one]), ("\(one)\n", [one]), ("\(one)\n\(two)", [one, two]), ("\(one)\r\n\n\(two)\r\n", [one, two]),
      ("\(one)\n\u{1}\(two)", ["\(one)\n\u{1}\(two)"]),
    ] as [(String, [String])])
  func `a text has a secret on each line, and any other file is one`(text: String, secrets: [String]) throws {
    #expect(try LinkSecrets.secrets(Array(text.utf8)) == secrets.map { Array($0.utf8) })
  }

  @Test(
    arguments: [
      ("", .shortSecret(bytes: 0)), ("\n\n", .shortSecret(bytes: 0)), ("\(one)\nshort", .shortSecret(bytes: 5)),
      (String(repeating: "\(one)\n", count: 9), .tooManySecrets(limit: 8)), ("-----BEGIN PRIVATE KEY-----\n", .isPEM),
    ] as [(String, KeyFault)])
  func `a file that holds no good secrets is refused, with what is wrong`(text: String, fault: KeyFault) {
    #expect(throws: fault) { try LinkSecrets.secrets(Array(text.utf8)) }
  }

  /// Of the acceptor, of the dialer, and the one that both have.
  @Test(
    arguments: [
      ([1], [1], 1), ([1, 2], [2], 2), ([1], [2, 1], 1), ([1, 2], [2, 3], 2), ([1, 2], [2, 1], 2), ([1], [2], nil), ([1, 2], [3, 4], nil),
    ] as [([UInt8], [UInt8], UInt8?)])
  func `the first secret of the dialer that the acceptor has is used`(acceptor: [UInt8], dialer: [UInt8], shared: UInt8?) throws {
    let introduction = LinkIntroduction(
      cluster: "c", dialer: try #require(NodeID(prefix: "n-")), acceptor: try #require(NodeID(prefix: "n-")),
      dialerNonce: LinkIntroduction.makeNonce(), acceptorNonce: LinkIntroduction.makeNonce())
    func secrets(_ numbers: [UInt8]) -> [[UInt8]] { numbers.map { [UInt8](repeating: $0, count: 32) } }
    let proofs = introduction.proofs(of: .acceptor, secrets: secrets(acceptor))
    #expect(introduction.secret(provedBy: proofs, of: .acceptor, among: secrets(dialer)) == shared.map { secrets([$0])[0] })
    #expect(introduction.secret(provedBy: proofs, of: .dialer, among: secrets(dialer)) == nil, "a proof of the other side is none")
  }

  @Test(arguments: ["", ",", "zz", "00", ",,,,,,,,,,,,"])
  func `what is no proof proves nothing`(text: String) throws {
    let introduction = LinkIntroduction(
      cluster: "c", dialer: try #require(NodeID(prefix: "n-")), acceptor: try #require(NodeID(prefix: "n-")), dialerNonce: "",
      acceptorNonce: "")
    #expect(introduction.secret(provedBy: text, of: .acceptor, among: [Array(Self.one.utf8)]) == nil)
  }

  @Test func `a file that changed is read when it stands still, and one that is wrong changes nothing`() throws {
    let directory = try TemporaryDirectory()
    try directory.write("secret", Self.one)
    let secrets = try LinkSecrets(file: directory.path("secret"))
    func look() -> [String] {
      secrets.look(Self.quiet)
      return secrets.all.map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(look() == [Self.one])
    try directory.write("secret", "\(Self.two)\n\(Self.one)\n")
    #expect(look() == [Self.one] && look() == [Self.two, Self.one])
    try directory.write("secret", "short")
    #expect(look() == [Self.two, Self.one] && look() == [Self.two, Self.one])
    try directory.write("secret", Self.two)
    secrets.readAgain(Self.quiet)
    #expect(secrets.all == [Array(Self.two.utf8)])
  }
}
