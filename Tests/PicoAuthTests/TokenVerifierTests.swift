import PicoCore
import JWTKit
import Testing

@testable import PicoAuth

@Suite struct TokenVerifierTests {
  private func fault(_ token: [UInt8], _ verifier: TokenVerifier, now: Double = MadeTokens.now) -> TokenFault? {
    do throws(TokenFault) {
      _ = try verifier.verify(token, now: now)
      return nil
    } catch {
      return error
    }
  }

  // MARK: Signatures

  @Test(arguments: TokenAlgorithm.allCases)
  func `a token of each algorithm is verified with its key`(algorithm: TokenAlgorithm) async throws {
    let token = try await MadeTokens.token(algorithm, [("sub", "\"a\""), ("exp", "1800003600")])
    let claims = try await MadeTokens.verifier(algorithm).verify(token, now: MadeTokens.now)
    #expect(claims.subject == "a" && claims.expiry == 1_800_003_600 && claims.endpoints.isAll && claims.role == nil)
  }

  /// One for each key: what the other keys sign is refused by it, and so is one bit more or less.
  @Test(arguments: [TokenAlgorithm.hs256, .rs256, .es256, .es384, .es512, .eddsa])
  func `a key takes tokens of its own algorithms alone`(own: TokenAlgorithm) async throws {
    let verifier = try await MadeTokens.verifier(own)
    let fitting = try #require(verifier.keys.keys.first).algorithms
    for algorithm in TokenAlgorithm.allCases where !fitting.contains(algorithm) {
      #expect(fault(try await MadeTokens.token(algorithm), verifier) == .invalid(.noFittingKey))
    }
    let token = try await MadeTokens.token(own)
    let dot = try #require(token.lastIndex(of: UInt8(ascii: ".")))
    for index in [dot + 1, dot + 11, token.count - 10] {
      var changed = token
      changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(fault(changed, verifier) == .invalid(.badSignature))
    }
    #expect(fault(Array(token[...dot]), verifier) == .invalid(.badSignature))
    let signature = try #require(Base64URL.decode(token[(dot + 1)...]))
    for cut in [Array(signature.dropLast()), signature + [0]] {
      #expect(fault(Array(token[...dot]) + Array(Base64URL.encode(cut).utf8), verifier) == .invalid(.badSignature))
    }
  }

  /// The oldest trick: a public key as it is published, used as the secret of an HMAC.
  @Test func `a public key is never the secret of an HMAC`() async throws {
    let pem = MadeTokens.p256.publicKey.pemRepresentation
    let forger = try await VerificationKey(secret: Array(pem.utf8))
    let signed =
      Base64URL.encode(Array("{\"alg\":\"HS256\"}".utf8)) + "." + Base64URL.encode(Array("{\"exp\":1800003600}".utf8))
    let signature = try #require(forger.verifiers[.hs256]).sign(Array(signed.utf8))
    let token = Array((signed + "." + Base64URL.encode(signature)).utf8)
    let verifier = TokenVerifier(keys: KeySet(try await VerificationKey.keys(publicPEM: pem)), rules: TokenRules())
    #expect(fault(token, verifier) == .invalid(.noFittingKey))
  }

  @Test func `of a secret that is shorter than the hash no longer HMAC is taken`() async throws {
    let key = try await VerificationKey(secret: Array(MadeTokens.secret.prefix(32)))
    #expect(key.algorithms == [.hs256])
    #expect(try await VerificationKey(secret: Array(MadeTokens.secret.prefix(48))).algorithms == [.hs256, .hs384])
    #expect(try await VerificationKey(secret: MadeTokens.secret).algorithms == [.hs256, .hs384, .hs512])
  }

  /// Examples of RFC 7515, appendix A.
  @Test func `tokens of the standard are verified`() async throws {
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    let secret = try #require(
      Base64URL.decode(Array("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow".utf8)))
    let elliptic =
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
      + "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
    let tokens: [(String, VerificationKey)] = [
      (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\(claims).dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        try await VerificationKey(secret: secret)
      ),
      (
        "eyJhbGciOiJFUzI1NiJ9.\(claims)."
          + "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        try #require(try await KeySetDocument.keys(MadeTokens.set(elliptic)).first)
      ),
    ]
    for (token, key) in tokens {
      let verifier = TokenVerifier(keys: KeySet([key]), rules: TokenRules(issuers: ["joe"]))
      #expect(try verifier.verify(Array(token.utf8), now: 1_300_819_000).issuer == "joe")
      #expect(fault(Array(token.utf8), verifier, now: 1_300_819_500) == .expired)
    }
  }

  // MARK: The text

  static let good = "{\"exp\":1800003600}"

  static let texts: [(header: String, claims: String, flaw: TokenFault.Flaw?)] = [
    ("{\"alg\":\"HS256\"}", good, nil),
    ("{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"x\":{\"y\":[1,null,true]}}", " {\"exp\" : 1.8000036e9 } ", nil),
    ("{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1/\",\"x5u\":\"http://127.0.0.1/\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}", good, nil),
    ("{\"alg\":\"none\"}", good, .unknownAlgorithm),
    ("{\"alg\":\"None\"}", good, .unknownAlgorithm),
    ("{\"alg\":\"hs256\"}", good, .unknownAlgorithm),
    ("{\"alg\":\"HS1\"}", good, .unknownAlgorithm),
    ("{\"alg\":5}", good, .noAlgorithm),
    ("{}", good, .noAlgorithm),
    ("{\"alg\":\"RS256\"}", good, .noFittingKey),
    ("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", good, .criticalExtension),
    ("{\"alg\":\"HS256\",\"crit\":[]}", good, .criticalExtension),
    ("{\"alg\":\"HS256\",\"kid\":7}", good, .malformedKeyID),
    ("{\"alg\":\"HS256\",\"kid\":\"\(String(repeating: "k", count: 257))\"}", good, .malformedKeyID),
    ("{\"alg\":\"HS256\",\"alg\":\"none\"}", good, .duplicateMember),
    ("{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", good, .duplicateMember),
    ("{\"alg\":\"HS256\",\"a\":{\"b\":1,\"b\":2}}", good, .duplicateMember),
    ("{\"alg\":\"HS256\"}", "{\"exp\":1800003600,\"exp\":9}", .duplicateMember),
    ("{\"alg\":\"HS256\"}", "{\"exp\":1800003600,\"pico\":{\"role\":\"viewer\",\"role\":\"operator\"}}", .duplicateMember),
    ("{\"alg\":\"HS256\"}", "{\"exp\":1800003600,\"a\":[[{\"b\":1,\"b\":1}]]}", .duplicateMember),
    ("[\"HS256\"]", good, .notJSON),
    ("{\"alg\":\"HS256\"}", "5", .notJSON),
    ("{\"alg\":\"HS256\"}", "", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"exp\":1800003600", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"exp\":1800003600}x", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"exp\":1800003600,}", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"exp\":01}", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"exp\":1e999}", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"exp\":NaN}", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"a\":\"\\ud800\"}", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"a\":\"\u{1}\"}", .notJSON),
    ("{\"alg\":\"HS256\"}", "{\"a\":\(String(repeating: "[", count: 20))\(String(repeating: "]", count: 20))}", .notJSON),
  ]

  @Test(arguments: texts)
  func `header and claims are held to their form`(header: String, claims: String, flaw: TokenFault.Flaw?) async throws {
    let token = try await MadeTokens.token(header: header, claims: claims)
    #expect(fault(token, try await MadeTokens.verifier()) == flaw.map { .invalid($0) })
  }

  @Test func `a token is three parts of base64url`() async throws {
    let verifier = try await MadeTokens.verifier()
    let text = String(decoding: try await MadeTokens.token(), as: UTF8.self)
    let changes: [(String, TokenFault.Flaw)] = [
      ("", .notThreeParts), ("a", .notThreeParts), ("a.b", .notThreeParts), (text + ".", .notThreeParts), (text + ".e30", .notThreeParts),
      ("..", .notJSON), (text + "=", .notBase64URL), ("." + text.dropFirst(), .notThreeParts), (" " + text, .notBase64URL),
      (text + "\n", .notBase64URL), (text.replacing(".", with: "=.", maxReplacements: 1), .notBase64URL), ("é.e.e", .notBase64URL),
    ]
    for (changed, flaw) in changes { #expect(fault(Array(changed.utf8), verifier) == .invalid(flaw), "\(changed)") }
    let large = try await MadeTokens.token(.hs256, [("exp", "1800003600"), ("a", "\"\(String(repeating: "a", count: 6200))\"")])
    #expect(fault(large, verifier) == .invalid(.tooLarge))
    let fits = try await MadeTokens.token(.hs256, [("exp", "1800003600"), ("a", "\"\(String(repeating: "a", count: 5900))\"")])
    #expect(fault(fits, verifier) == nil)
  }

  // MARK: Claims

  static let strict = TokenRules(audiences: ["pico", "pico-2"], issuers: ["https://id"])
  static let lax = TokenRules(requiresExpiry: false)

  static let claims: [(claims: String, rules: TokenRules, fault: TokenFault?)] = [
    ("{\"exp\":1800000001}", TokenRules(), nil),
    // 30 s of skew, and not one second more.
    ("{\"exp\":1799999971}", TokenRules(), nil),
    ("{\"exp\":1799999970}", TokenRules(), .expired),
    ("{\"exp\":1799999999}", TokenRules(clockSkew: 0), .expired),
    ("{\"exp\":0}", TokenRules(), .expired),
    ("{\"exp\":-1}", TokenRules(), .expired),
    ("{\"exp\":1e300}", TokenRules(), nil),
    ("{\"exp\":\"1800003600\"}", TokenRules(), .invalid(.malformedTime)),
    ("{\"exp\":null}", TokenRules(), .invalid(.malformedTime)),
    ("{}", TokenRules(), .invalid(.noExpiry)),
    ("{}", lax, nil),
    ("{\"exp\":1}", lax, .expired),
    ("{\"exp\":1800003600,\"nbf\":1800000030}", TokenRules(), nil),
    ("{\"exp\":1800003600,\"nbf\":1800000031}", TokenRules(), .invalid(.notYetValid)),
    ("{\"exp\":1800003600,\"nbf\":true}", TokenRules(), .invalid(.malformedTime)),
    ("{\"exp\":1800003600,\"iat\":1800000030}", TokenRules(), nil),
    ("{\"exp\":1800003600,\"iat\":1800000031}", TokenRules(), .invalid(.issuedInFuture)),
    ("{\"exp\":1800003600,\"iat\":[]}", TokenRules(), .invalid(.malformedTime)),
    ("{\"exp\":1800003600,\"aud\":\"pico\",\"iss\":\"https://id\"}", strict, nil),
    ("{\"exp\":1800003600,\"aud\":[\"x\",\"pico-2\"],\"iss\":\"https://id\"}", strict, nil),
    ("{\"exp\":1800003600,\"aud\":[\"x\"],\"iss\":\"https://id\"}", strict, .invalid(.wrongAudience)),
    ("{\"exp\":1800003600,\"aud\":[],\"iss\":\"https://id\"}", strict, .invalid(.wrongAudience)),
    ("{\"exp\":1800003600,\"aud\":\"PICO\",\"iss\":\"https://id\"}", strict, .invalid(.wrongAudience)),
    ("{\"exp\":1800003600,\"iss\":\"https://id\"}", strict, .invalid(.wrongAudience)),
    ("{\"exp\":1800003600,\"aud\":5,\"iss\":\"https://id\"}", strict, .invalid(.malformedName)),
    ("{\"exp\":1800003600,\"aud\":[\"pico\",5],\"iss\":\"https://id\"}", strict, .invalid(.malformedName)),
    ("{\"exp\":1800003600,\"aud\":\"pico\"}", strict, .invalid(.wrongIssuer)),
    ("{\"exp\":1800003600,\"aud\":\"pico\",\"iss\":\"https://id/\"}", strict, .invalid(.wrongIssuer)),
    ("{\"exp\":1800003600,\"iss\":[\"https://id\"],\"aud\":\"pico\"}", strict, .invalid(.malformedName)),
    // What else is wrong is said first: an expired token tells nothing about whether it would fit.
    ("{\"exp\":1,\"aud\":\"x\",\"iss\":\"https://id\"}", strict, .invalid(.wrongAudience)),
    ("{\"exp\":1800003600,\"aud\":\"anything\",\"iss\":\"anybody\"}", TokenRules(), nil),
    ("{\"exp\":1800003600,\"sub\":5}", TokenRules(), .invalid(.malformedName)),
    ("{\"exp\":1800003600,\"sub\":\"\(String(repeating: "s", count: 513))\"}", TokenRules(), .invalid(.malformedName)),
    ("{\"exp\":1800003600,\"pico\":{\"tenant\":\"acme\"}}", TokenRules(), nil),
    ("{\"exp\":1800003600,\"pico\":{\"tenant\":\"a b\"}}", TokenRules(), .invalid(.malformedTenant)),
    ("{\"exp\":1800003600,\"pico\":{\"tenant\":null}}", TokenRules(), .invalid(.malformedTenant)),
  ]

  @Test(arguments: claims)
  func `claims are held to the rules of the port`(claims: String, rules: TokenRules, fault: TokenFault?) async throws {
    let token = try await MadeTokens.token(header: "{\"alg\":\"HS256\"}", claims: claims)
    #expect(self.fault(token, try await MadeTokens.verifier(.hs256, rules)) == fault)
  }

  static let tenants: [(claim: String, grant: TenantGrant, tenant: Result<String?, TokenFault>)] = [
    ("{}", .all, .success(nil)), ("{\"tenant\":\"Acme\"}", .all, .success("acme")),
    ("{}", .only([]), .success("")), ("{\"tenant\":\"acme\"}", .only([]), .failure(.invalid(.wrongTenant))),
    ("{}", .only([acme]), .success("acme")), ("{\"tenant\":\"ACME\"}", .only([acme]), .success("acme")),
    ("{\"tenant\":\"beta\"}", .only([acme]), .failure(.invalid(.wrongTenant))),
    ("{}", .only([acme, beta]), .failure(.invalid(.noTenant))), ("{\"tenant\":\"beta\"}", .only([acme, beta]), .success("beta")),
    ("{\"tenant\":\"\"}", .all, .failure(.invalid(.malformedTenant))), ("{\"tenant\":\"..\"}", .all, .failure(.invalid(.malformedTenant))),
    ("{\"tenant\":\"a/b\"}", .all, .failure(.invalid(.malformedTenant))),
    ("{\"tenant\":[\"acme\"]}", .all, .failure(.invalid(.malformedTenant))),
  ]
  private static var acme: TenantID { TenantID("acme") ?? .default }
  private static var beta: TenantID { TenantID("beta") ?? .default }

  @Test(arguments: tenants)
  func `a tenant is one that the keys may sign for`(claim: String, grant: TenantGrant, tenant: Result<String?, TokenFault>) async throws {
    let token = try await MadeTokens.token(header: "{\"alg\":\"HS256\"}", claims: "{\"exp\":1800003600,\"pico\":\(claim)}")
    let verifier = try await MadeTokens.verifier(.hs256, TokenRules(tenants: grant))
    let result: Result<String?, TokenFault>
    do throws(TokenFault) { result = .success(try verifier.verify(token, now: MadeTokens.now).tenant?.name) } catch {
      result = .failure(error)
    }
    #expect(result == tenant)
  }

  @Test(
    arguments: [
      ("{}", nil), ("{\"role\":\"viewer\"}", .viewer), ("{\"role\":\"operator\"}", .operator), ("{\"role\":\"admin\"}", nil),
      ("{\"role\":[\"operator\"]}", nil), ("{\"role\":\"Operator\"}", nil), ("5", nil),
    ] as [(String, TokenRole?)])
  func `a role is one of two words`(claim: String, role: TokenRole?) async throws {
    let token = try await MadeTokens.token(header: "{\"alg\":\"HS256\"}", claims: "{\"exp\":1800003600,\"pico\":\(claim)}")
    #expect(try await MadeTokens.verifier().verify(token, now: MadeTokens.now).role == role)
  }
}
