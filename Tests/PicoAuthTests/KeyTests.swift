import JWTKit
import Testing

@testable import PicoAuth

@Suite struct KeyTests {
  private func fault(_ body: () async throws -> Void) async -> KeyFault? {
    do {
      try await body()
      return nil
    } catch {
      return error as? KeyFault
    }
  }

  // MARK: Secrets

  @Test func `the line end behind a printable secret is not part of it`() throws {
    let text = String(repeating: "s", count: 32)
    for end in ["", "\n", "\r\n", "\n\n"] { #expect(try SecretBytes.read(Array((text + end).utf8)) == Array(text.utf8)) }
    let binary = [0] + [UInt8](repeating: 10, count: 40)
    #expect(try SecretBytes.read(binary) == binary)
  }

  @Test(
    arguments: [
      ("", .shortSecret(bytes: 0)), (String(repeating: "s", count: 31) + "\n", .shortSecret(bytes: 31)),
      ("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", .isPEM),
    ] as [(String, KeyFault)])
  func `a short secret is refused`(text: String, fault: KeyFault) async {
    #expect(await self.fault { _ = try SecretBytes.read(Array(text.utf8)) } == fault)
  }

  // MARK: PEM

  @Test func `a file may hold several public keys`() async throws {
    let files = [MadeTokens.p256.publicKey.pemRepresentation, MadeTokens.p384.publicKey.pemRepresentation]
    let keys = try await VerificationKey.keys(publicPEM: "# ours\n" + files.joined(separator: "\n\n") + "\n")
    #expect(keys.map(\.algorithms) == [[.es256], [.es384]])
    #expect(Set(keys.map(\.fingerprint)).count == 2 && keys.allSatisfy { $0.id == nil })
  }

  static let wrongFiles: [(text: String, fault: KeyFault)] = [
    ("", .noKey),
    ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", .noKey),
    (MadeTokens.p256.pemRepresentation, .isPrivate),
    (MadeTokens.rsa, .isPrivate),
    (MadeTokens.p256.publicKey.pemRepresentation + "\n" + MadeTokens.rsa, .isPrivate),
    ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", .isCertificate),
    ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", .unsupported),
    (MadeTokens.weakRSA, .unsupported),
  ]

  @Test(arguments: wrongFiles)
  func `a file with anything but public keys is refused`(text: String, fault: KeyFault) async {
    #expect(await self.fault { _ = try await VerificationKey.keys(publicPEM: text) } == fault)
  }

  @Test(
    arguments: [
      (MadeTokens.p256.publicKey.pemRepresentation, .isPublic),
      ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", .isCertificate),
      ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", .unsupported), ("short", .shortSecret(bytes: 5)),
    ] as [(String, KeyFault)])
  func `what cannot sign is refused`(text: String, fault: KeyFault) async {
    #expect(await self.fault { _ = try await SigningKey(file: Array(text.utf8)) } == fault)
  }

  @Test func `a key signs what it fits`() async throws {
    let key = try await MadeTokens.signing(.es256)
    #expect(await fault { _ = try key.token(header: [], claims: [], algorithm: .es384) } == .cannotSign(.es384))
  }

  // MARK: Key sets

  @Test func `a key set leaves out what is not for signatures`() async throws {
    let key = MadeTokens.p256.publicKey
    let good = MadeTokens.jwk(key, id: "a")
    let others = [
      MadeTokens.jwk(key, id: "b", extra: ",\"use\":\"enc\""), MadeTokens.jwk(key, id: "c", extra: ",\"key_ops\":[\"encrypt\"]"),
      MadeTokens.jwk(key, id: "d", extra: ",\"alg\":\"ES384\""), MadeTokens.jwk(key, id: "e", extra: ",\"alg\":\"none\""),
      "{\"kty\":\"oct\",\"kid\":\"f\",\"k\":\"\(Base64URL.encode(MadeTokens.secret))\"}",
      "{\"kty\":\"oct\",\"kid\":\"g\",\"alg\":\"HS256\",\"use\":\"sig\",\"k\":\"\(Base64URL.encode(MadeTokens.secret))\"}",
      "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"kid\":\"h\",\"x\":\"AA\",\"y\":\"AA\"}", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
      "{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}", "{\"kty\":5}", "{}",
    ]
    let set = "{\"keys\":[\(([good] + others).joined(separator: ","))]}"
    let keys = try await KeySetDocument.keys(Array(set.utf8))
    #expect(keys.map(\.id) == ["a"])
    for other in others {
      #expect(await fault { _ = try await KeySetDocument.keys(MadeTokens.set(other)) } == .emptySet(refused: 1), "\(other)")
    }
  }

  @Test(
    arguments: [
      ("", .malformedSet), ("[]", .malformedSet), ("{}", .malformedSet), ("{\"keys\":{}}", .malformedSet),
      ("{\"keys\":[5]}", .malformedSet),
      ("{\"keys\":[],\"keys\":[]}", .malformedSet), ("{\"keys\":[]}", .emptySet(refused: 0)), ("<html>", .malformedSet),
    ] as [(String, KeyFault)])
  func `what is no key set is refused`(text: String, fault: KeyFault) async {
    #expect(await self.fault { _ = try await KeySetDocument.keys(Array(text.utf8)) } == fault)
  }

  @Test func `a token finds the key that it names`() async throws {
    let (first, second) = (ES256PrivateKey(), ES256PrivateKey())
    let keys = try await KeySetDocument.keys(
      MadeTokens.set(MadeTokens.jwk(first.publicKey, id: "1"), MadeTokens.jwk(second.publicKey, id: "2")))
    let verifier = TokenVerifier(keys: KeySet(keys, mayGrow: true), rules: TokenRules())
    let signing = try await SigningKey(file: Array(second.pemRepresentation.utf8))
    func fault(kid: String?, algorithm: TokenAlgorithm = .es256) async throws -> TokenFault? {
      let token = try signing.token(
        header: kid.map { [("kid", JSONText.quoted($0))] } ?? [], claims: [("exp", "1800003600")], algorithm: algorithm)
      do throws(TokenFault) {
        _ = try verifier.verify(Array(token.utf8), now: MadeTokens.now)
        return nil
      } catch {
        return error
      }
    }
    #expect(try await fault(kid: "2") == nil)
    #expect(try await fault(kid: nil) == nil)
    #expect(try await fault(kid: "1") == .invalid(.badSignature))
    #expect(try await fault(kid: "3") == .invalid(.unknownKey))
    let hmac = try await MadeTokens.token(.hs256, header: [("kid", "\"2\"")])
    #expect(throws: TokenFault.invalid(.noFittingKey)) { try verifier.verify(hmac, now: MadeTokens.now) }
  }

  @Test func `a key without an ID is tried whatever a token names`() async throws {
    let token = try await MadeTokens.token(.hs256, header: [("kid", "\"anything\"")])
    #expect(try await MadeTokens.verifier().verify(token, now: MadeTokens.now).subject == nil)
  }
}
