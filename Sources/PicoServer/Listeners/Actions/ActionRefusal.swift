/// Why an action was not done; the raw value is the `error` of a result.
enum ActionRefusal: String, Error {
  case notFound = "not-found"
  /// The endpoint, or the cluster, would have fewer left than asked for.
  case wouldRemoveLast = "would-remove-last"
  case forbidden
  /// A block of one listener: its ID never comes back, so nothing could be refused.
  case badScope = "bad-scope"
  /// A block of an identity for a listener that has none verified.
  case noIdentity = "no-identity"
  case tooManyBlocks = "too-many-blocks"
  /// A node did not answer, and what was asked for may be there.
  case unreachable
}
