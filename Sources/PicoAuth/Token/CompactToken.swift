/// A token in the compact form (RFC 7515 section 7.1), taken apart and read, but not verified: nothing in it is to be believed.
package struct CompactToken: Sendable {
  package static let maximumSize = 8 << 10
  private static let maximumKeyID = 256

  package let algorithm: TokenAlgorithm
  /// `kid`.
  package let keyID: String?
  let header: [String: StrictJSON]
  let claims: [String: StrictJSON]
  let signature: [UInt8]
  /// What the signature is over: the first two parts with their dot.
  let signed: ArraySlice<UInt8>

  /// `jku`, `jwk`, `x5u`, `x5c` and the rest of the header are not looked at: no token says by which key it is to be verified.
  package init(_ text: [UInt8]) throws(TokenFault) {
    guard text.count <= Self.maximumSize else { throw .invalid(.tooLarge) }
    let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .invalid(.notThreeParts) }
    header = try Self.object(parts[0])
    claims = try Self.object(parts[1])
    guard let signature = Base64URL.decode(parts[2]) else { throw .invalid(.notBase64URL) }
    self.signature = signature
    signed = text[..<parts[1].endIndex]
    guard let name = header["alg"]?.string else { throw .invalid(.noAlgorithm) }
    guard let algorithm = TokenAlgorithm(rawValue: name) else { throw .invalid(.unknownAlgorithm) }
    self.algorithm = algorithm
    guard header["crit"] == nil else { throw .invalid(.criticalExtension) }
    switch header["kid"] {
    case nil: keyID = nil
    case .string(let id) where id.utf8.count <= Self.maximumKeyID: keyID = id
    default: throw .invalid(.malformedKeyID)
    }
  }

  /// `iss` as it says; nil when it has none that is a text.
  package var issuer: String? { claims["iss"]?.string }

  /// For people who look at their own.
  package var headerText: String { StrictJSON.object(header).text }
  package var claimsText: String { StrictJSON.object(claims).text }
  /// As it says, in seconds since 1970; nil also for what no clock shows.
  package var expiry: Double? { claims["exp"]?.number.flatMap { (0...253_402_300_799).contains($0) ? $0 : nil } }

  private static func object(_ part: ArraySlice<UInt8>) throws(TokenFault) -> [String: StrictJSON] {
    guard let bytes = Base64URL.decode(part) else { throw .invalid(.notBase64URL) }
    do throws(StrictJSONError) {
      guard let members = try StrictJSON(bytes).object else { throw StrictJSONError.malformed }
      return members
    } catch {
      throw .invalid(error == .duplicateMember ? .duplicateMember : .notJSON)
    }
  }
}
