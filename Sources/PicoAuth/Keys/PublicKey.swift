internal import JWTKit

/// One public key of a kind that is taken.
enum PublicKey: Sendable {
  case rsa(Insecure.RSA.PublicKey)
  case p256(ES256PublicKey)
  case p384(ES384PublicKey)
  case p521(ES512PublicKey)
  case ed25519(EdDSA.PublicKey)

  init(_ block: PEMText.Block) throws(KeyFault) {
    switch block.label {
    case "PUBLIC KEY", "RSA PUBLIC KEY": break
    case "CERTIFICATE": throw .isCertificate
    case _ where block.label.hasSuffix("PRIVATE KEY"): throw .isPrivate
    default: throw .noKey
    }
    let pem = block.text
    if let key = try? ES256PublicKey(pem: pem) {
      self = .p256(key)
    } else if let key = try? ES384PublicKey(pem: pem) {
      self = .p384(key)
    } else if let key = try? ES512PublicKey(pem: pem) {
      self = .p521(key)
    } else if let key = try? EdDSA.PublicKey(pem: pem) {
      self = .ed25519(key)
    } else if let key = try? Insecure.RSA.PublicKey(pem: pem) {
      self = .rsa(key)
    } else {
      throw .unsupported
    }
  }

  /// RFC 7518 section 6, RFC 8037 section 2.
  init(jwk: [String: StrictJSON]) throws(KeyFault) {
    func text(_ name: String) throws(KeyFault) -> String {
      guard let text = jwk[name]?.string, Base64URL.decode(text.utf8) != nil else { throw .unsupported }
      return text
    }
    switch jwk["kty"]?.string {
    case "oct": throw .symmetric
    case "RSA":
      let (modulus, exponent) = (try text("n"), try text("e"))
      guard let key = try? Insecure.RSA.PublicKey(modulus: modulus, exponent: exponent) else { throw .unsupported }
      self = .rsa(key)
    case "EC":
      let parameters = (x: try text("x"), y: try text("y"))
      do {
        switch jwk["crv"]?.string {
        case "P-256": self = .p256(try ES256PublicKey(parameters: parameters))
        case "P-384": self = .p384(try ES384PublicKey(parameters: parameters))
        case "P-521": self = .p521(try ES512PublicKey(parameters: parameters))
        default: throw KeyFault.unsupported
        }
      } catch {
        throw .unsupported
      }
    case "OKP":
      let x = try text("x")
      guard jwk["crv"]?.string == "Ed25519", let key = try? EdDSA.PublicKey(x: x, curve: .ed25519) else { throw .unsupported }
      self = .ed25519(key)
    default: throw .unsupported
    }
  }

  /// One text for one key, whatever it was read from.
  var pem: String {
    switch self {
    case .rsa(let key): key.pemRepresentation
    case .p256(let key): key.pemRepresentation
    case .p384(let key): key.pemRepresentation
    case .p521(let key): key.pemRepresentation
    case .ed25519(let key): key.pemRepresentation
    }
  }

  func algorithms() async -> [TokenAlgorithm: any JWTAlgorithm] {
    switch self {
    case .rsa(let key): await TokenAlgorithms.rsa(key)
    case .p256(let key): await TokenAlgorithms.one(.es256) { await $0.add(ecdsa: key) }
    case .p384(let key): await TokenAlgorithms.one(.es384) { await $0.add(ecdsa: key) }
    case .p521(let key): await TokenAlgorithms.one(.es512) { await $0.add(ecdsa: key) }
    case .ed25519(let key): await TokenAlgorithms.one(.eddsa) { await $0.add(eddsa: key) }
    }
  }
}

/// jwt-kit gives its algorithms out of a key collection alone, so each is put into one of its own. From then on nothing is looked up and
/// nothing waits.
enum TokenAlgorithms {
  static func one(
    _ algorithm: TokenAlgorithm, _ add: (JWTKeyCollection) async -> Void
  ) async -> [TokenAlgorithm: any JWTAlgorithm] {
    let collection = JWTKeyCollection()
    await add(collection)
    guard let found = try? await collection.getKey(), found.name == algorithm.rawValue else { return [:] }
    return [algorithm: found]
  }

  private static let digests: [DigestAlgorithm] = [.sha256, .sha384, .sha512]

  static func rsa(_ key: some RSAKey) async -> [TokenAlgorithm: any JWTAlgorithm] {
    var all: [TokenAlgorithm: any JWTAlgorithm] = [:]
    for (algorithm, digest) in zip([TokenAlgorithm.rs256, .rs384, .rs512], digests) {
      all.merge(await one(algorithm) { await $0.add(rsa: key, digestAlgorithm: digest) }) { $1 }
    }
    for (algorithm, digest) in zip([TokenAlgorithm.ps256, .ps384, .ps512], digests) {
      all.merge(await one(algorithm) { await $0.add(pss: key, digestAlgorithm: digest) }) { $1 }
    }
    return all
  }

  static func hmac(_ secret: [UInt8]) async -> [TokenAlgorithm: any JWTAlgorithm] {
    var all: [TokenAlgorithm: any JWTAlgorithm] = [:]
    let lengths = [(TokenAlgorithm.hs256, 32), (.hs384, 48), (.hs512, 64)]
    for ((algorithm, length), digest) in zip(lengths, digests) where secret.count >= length {
      all.merge(await one(algorithm) { await $0.add(hmac: HMACKey(from: secret), digestAlgorithm: digest) }) { $1 }
    }
    return all
  }
}
