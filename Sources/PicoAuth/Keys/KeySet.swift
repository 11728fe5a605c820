/// The keys that tokens are verified with.
package struct KeySet: Sendable {
  package var keys: [VerificationKey]
  /// Some keys are of a set with IDs that may have more of them now than when it was read.
  package var mayGrow: Bool

  /// Keys that are tried for a token that does not say which.
  private static let maximumTries = 16

  package init(_ keys: [VerificationKey] = [], mayGrow: Bool = false) {
    self.keys = keys
    self.mayGrow = mayGrow
  }

  package func contains(_ fingerprint: Fingerprint) -> Bool { keys.contains { $0.fingerprint == fingerprint } }

  /// Whether both hold the same keys under the same IDs, in any order.
  package func hasSameKeys(as other: KeySet) -> Bool {
    func summary(_ set: KeySet) -> Set<[String]> {
      Set(set.keys.map { ["\($0.fingerprint)", $0.id ?? "", $0.algorithms.map(\.rawValue).sorted().joined(separator: ",")] })
    }
    return summary(self) == summary(other)
  }

  /// The key whose signature the token has. Keys without an ID are tried for every token whose algorithm they fit; one with an ID only for
  /// tokens that name it or none.
  func signer(of token: CompactToken) throws(TokenFault) -> VerificationKey {
    let isNamed = token.keyID != nil && keys.contains { $0.id == token.keyID }
    let fitting = keys.filter { key in
      key.verifiers[token.algorithm] != nil && (token.keyID == nil || key.id == nil || key.id == token.keyID)
    }
    for key in fitting.prefix(Self.maximumTries) where key.verifies(token) { return key }
    if token.keyID != nil, !isNamed, mayGrow || fitting.isEmpty { throw .invalid(.unknownKey) }
    throw .invalid(fitting.isEmpty ? .noFittingKey : .badSignature)
  }
}

/// A JWK set (RFC 7517 section 5) as it is published.
package enum KeySetDocument {
  package static let maximumSize = 1 << 20
  private static let maximumKeys = 64

  /// The keys that can be used. Others are left out: symmetric ones always, as whoever may read the set could sign with them.
  package static func keys(_ bytes: [UInt8]) async throws(KeyFault) -> [VerificationKey] {
    guard bytes.count <= maximumSize, let set = try? StrictJSON(bytes), let list = set.object?["keys"]?.array else {
      throw .malformedSet
    }
    var keys: [VerificationKey] = []
    var refused = 0
    for element in list.prefix(maximumKeys) {
      guard let members = element.object else { throw .malformedSet }
      do throws(KeyFault) {
        if let key = try await VerificationKey(jwk: members) { keys.append(key) } else { refused += 1 }
      } catch {
        refused += 1
      }
    }
    guard !keys.isEmpty else { throw .emptySet(refused: refused) }
    return keys
  }
}
