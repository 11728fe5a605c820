/// Why a key cannot be used. The description says it of "the key" or "the file".
package enum KeyFault: Error, Equatable, Sendable, CustomStringConvertible {
  case shortSecret(bytes: Int)
  case tooManySecrets(limit: Int)
  case isPEM
  case noKey
  case isPrivate
  case isPublic
  case isCertificate
  case unsupported
  case symmetric
  case malformedSet
  case emptySet(refused: Int)
  case cannotSign(TokenAlgorithm)

  package var description: String {
    switch self {
    case .shortSecret(let bytes): "has \(bytes) bytes; an HMAC secret has at least \(SecretBytes.minimum)"
    case .tooManySecrets(let limit): "holds more than \(limit) secrets"
    case .isPEM: "holds a PEM key, not an HMAC secret"
    case .noKey: "holds no PEM key"
    case .isPrivate: "holds a private key; to verify takes the public one alone"
    case .isPublic: "holds a public key; to sign takes the private one"
    case .isCertificate: "holds a certificate; a bare public key is wanted (openssl x509 -pubkey -noout)"
    case .unsupported: "holds a key that is not RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519"
    case .symmetric: "is symmetric"
    case .malformedSet: "is not a JWK set: a JSON object with a list of keys"
    case .emptySet(let refused): refused == 0 ? "has no key" : "has no key that can be used (\(refused) refused)"
    case .cannotSign(let algorithm): "cannot sign \(algorithm.rawValue)"
    }
  }
}

/// The bytes of an HMAC secret as they stand in a file.
package enum SecretBytes {
  package static let minimum = 32

  /// The line end behind a secret of printable characters is not part of it; any other file is taken as it is.
  package static func read(_ file: [UInt8]) throws(KeyFault) -> [UInt8] {
    guard !file.starts(with: "-----BEGIN ".utf8) else { throw .isPEM }
    var secret = file[...]
    if file.allSatisfy({ 0x20..<0x7F ~= $0 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) {
      while let last = secret.last, last == 0x0A || last == 0x0D { secret.removeLast() }
    }
    guard secret.count >= minimum else { throw .shortSecret(bytes: secret.count) }
    return Array(secret)
  }
}
