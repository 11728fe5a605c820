internal import JWTKit

/// A key file that makes tokens: an HMAC secret, or one PEM private key.
package struct SigningKey: Sendable {
  private let signers: [TokenAlgorithm: any JWTAlgorithm]
  /// What it signs with unless told otherwise.
  package let algorithm: TokenAlgorithm
  /// What verifies its tokens.
  package let verification: VerificationKey

  package init(file: [UInt8]) async throws(KeyFault) {
    let block = PEMText.blocks(of: String(decoding: file, as: UTF8.self)).first
    guard let block, file.starts(with: "-----BEGIN ".utf8) else {
      let secret = try SecretBytes.read(file)
      signers = await TokenAlgorithms.hmac(secret)
      algorithm = .hs256
      verification = try await VerificationKey(secret: secret)
      return
    }
    guard block.label.hasSuffix("PRIVATE KEY") else {
      throw block.label == "CERTIFICATE" ? .isCertificate : block.label.hasSuffix("PUBLIC KEY") ? .isPublic : .noKey
    }
    let pem = block.text
    let publicPEM: String
    if let key = try? ES256PrivateKey(pem: pem) {
      (algorithm, publicPEM) = (.es256, key.publicKey.pemRepresentation)
      signers = await TokenAlgorithms.one(.es256) { await $0.add(ecdsa: key) }
    } else if let key = try? ES384PrivateKey(pem: pem) {
      (algorithm, publicPEM) = (.es384, key.publicKey.pemRepresentation)
      signers = await TokenAlgorithms.one(.es384) { await $0.add(ecdsa: key) }
    } else if let key = try? ES512PrivateKey(pem: pem) {
      (algorithm, publicPEM) = (.es512, key.publicKey.pemRepresentation)
      signers = await TokenAlgorithms.one(.es512) { await $0.add(ecdsa: key) }
    } else if let key = try? EdDSA.PrivateKey(pem: pem) {
      (algorithm, publicPEM) = (.eddsa, key.publicKey.pemRepresentation)
      signers = await TokenAlgorithms.one(.eddsa) { await $0.add(eddsa: key) }
    } else if let key = try? Insecure.RSA.PrivateKey(pem: pem) {
      (algorithm, publicPEM) = (.rs256, key.publicKey.pemRepresentation)
      signers = await TokenAlgorithms.rsa(key)
    } else {
      throw .unsupported
    }
    guard let key = try await VerificationKey.keys(publicPEM: publicPEM).first else { throw .noKey }
    verification = key
  }

  /// The compact form of a token with these members, each already JSON.
  package func token(header: [(String, String)], claims: [(String, String)], algorithm: TokenAlgorithm) throws(KeyFault) -> String {
    guard let signer = signers[algorithm] else { throw .cannotSign(algorithm) }
    let header = [("alg", JSONText.quoted(algorithm.rawValue)), ("typ", JSONText.quoted("JWT"))] + header
    let signed = [header, claims].map { Base64URL.encode(JSONText.object($0).utf8) }.joined(separator: ".")
    guard let signature = try? signer.sign(Array(signed.utf8)) else { throw .cannotSign(algorithm) }
    return signed + "." + Base64URL.encode(signature)
  }
}
