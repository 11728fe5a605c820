/// Why a token is not taken.
package enum TokenFault: Error, Hashable, Sendable {
  /// There is none.
  case missing
  case invalid(Flaw)
  /// It was good once: everything else about it holds.
  case expired

  /// What is wrong with it, for logs and for people who inspect their own; whoever sent it is told only that it is invalid.
  package enum Flaw: String, CaseIterable, Hashable, Sendable {
    case repeatedHeader = "there are several"
    case notBearer = "the header has another scheme than Bearer"
    case tooLarge = "it has more than 8 KiB"
    case notThreeParts = "it is not three parts with dots between"
    case notBase64URL = "a part is not base64url"
    case notJSON = "the header or the claims are not a JSON object"
    case duplicateMember = "a member comes twice"
    case noAlgorithm = "the header has no alg"
    case unknownAlgorithm = "its alg is not one that is taken"
    case criticalExtension = "the header has crit, and nothing critical is understood"
    case malformedKeyID = "its kid is not a text of at most 256 bytes"
    case unknownKey = "no key has its kid"
    case noFittingKey = "no key fits its alg"
    case badSignature = "the signature is not of any key"
    case malformedTime = "exp, nbf or iat is not a number"
    case noExpiry = "it has no exp"
    case notYetValid = "its nbf has not come"
    case issuedInFuture = "its iat has not come"
    case malformedName = "sub, aud or iss has a wrong type or more than 512 bytes"
    case wrongAudience = "it is for another audience"
    case wrongIssuer = "it is of another issuer"
    case malformedTenant = "its tenant is not a name"
    case wrongTenant = "its issuer may not sign for its tenant"
    case noTenant = "it names no tenant, and its issuer has several"
  }
}
