internal import JWTKit

/// A key with the algorithms that it fits, so that no header of a token can bring the two together wrongly: a public key is never the secret of
/// an HMAC, a P-256 key never verifies ES384.
package struct VerificationKey: Sendable {
  /// `kid`, of a key set.
  package let id: String?
  package let fingerprint: Fingerprint
  let verifiers: [TokenAlgorithm: any JWTAlgorithm]

  private init(id: String?, material: String, _ verifiers: [TokenAlgorithm: any JWTAlgorithm]) {
    self.id = id
    self.verifiers = verifiers
    fingerprint = Fingerprint(material.utf8)
  }

  package var algorithms: Set<TokenAlgorithm> { Set(verifiers.keys) }

  /// Whether the signature is this key's. False too for what is no signature at all.
  func verifies(_ token: CompactToken) -> Bool {
    guard let verifier = verifiers[token.algorithm] else { return false }
    return (try? verifier.verify(token.signature, signs: token.signed)) ?? false
  }

  /// For HS256, and for HS384 and HS512 where it is as long as their hash (RFC 7518 section 3.2).
  package init(secret: [UInt8]) async throws(KeyFault) {
    guard secret.count >= SecretBytes.minimum else { throw .shortSecret(bytes: secret.count) }
    self.init(id: nil, material: "hmac:" + Base64URL.encode(secret), await TokenAlgorithms.hmac(secret))
  }

  /// `restriction`: the `alg` of a JWK, which fits no other algorithm then.
  private init(id: String?, restriction: TokenAlgorithm?, _ key: PublicKey) async throws(KeyFault) {
    var verifiers = await key.algorithms()
    if let restriction { verifiers = verifiers.filter { $0.key == restriction } }
    guard !verifiers.isEmpty else { throw .unsupported }
    self.init(id: id, material: key.pem, verifiers)
  }

  // MARK: PEM

  /// The keys of a PEM file, in order.
  package static func keys(publicPEM text: String) async throws(KeyFault) -> [VerificationKey] {
    var keys: [VerificationKey] = []
    for block in PEMText.blocks(of: text) {
      keys.append(try await VerificationKey(id: nil, restriction: nil, try PublicKey(block)))
    }
    guard !keys.isEmpty else { throw .noKey }
    return keys
  }

  // MARK: JWK

  /// A JSON Web Key (RFC 7517); nil for one that is not for signatures.
  init?(jwk: [String: StrictJSON]) async throws(KeyFault) {
    guard jwk["use"]?.string ?? "sig" == "sig" else { return nil }
    if let operations = jwk["key_ops"] {
      guard operations.array?.contains(.string("verify")) == true else { return nil }
    }
    var restriction: TokenAlgorithm?
    if let name = jwk["alg"] {
      guard let algorithm = name.string.flatMap(TokenAlgorithm.init) else { throw .unsupported }
      restriction = algorithm
    }
    try await self.init(id: jwk["kid"]?.string, restriction: restriction, try PublicKey(jwk: jwk))
  }
}

/// The blocks of a PEM text (RFC 7468).
enum PEMText {
  struct Block {
    var label: String
    var text: String
  }

  static func blocks(of text: String) -> [Block] {
    var blocks: [Block] = []
    var current: (label: String, lines: [Substring])?
    for line in text.split(whereSeparator: \.isNewline) {
      if current == nil, line.hasPrefix("-----BEGIN "), line.hasSuffix("-----") {
        current = (String(line.dropFirst(11).dropLast(5)), [line])
      } else if let (label, lines) = current {
        current?.lines.append(line)
        guard line == "-----END \(label)-----" else { continue }
        blocks.append(Block(label: label, text: (lines + [line]).joined(separator: "\n")))
        current = nil
      }
    }
    return blocks
  }
}
