import PicoAuth
import PicoCore
import Support

@testable import PicoServer

/// Key files of one test, and tokens that are signed with them.
struct MadeKeys: Sendable {
  let directory: TemporaryDirectory
  static let secret = String(repeating: "s3cret-", count: 9)
  static let otherSecret = String(repeating: "0ther-", count: 9)

  init() throws {
    directory = try TemporaryDirectory()
    try directory.write("secret", Self.secret)
  }

  var secretFile: String { directory.path("secret") }

  /// A token signed by HS256. `exp` is in an hour unless the claims say otherwise; `claims` are members of JSON.
  static func token(
    _ claims: String = "", header: String = "\"alg\":\"HS256\"", expiresIn seconds: Double = 3600, secret: String = secret
  ) async throws -> String {
    let expiry = WallClock.seconds() + seconds
    let members = claims.contains("\"exp\"") ? claims : "\"exp\":\(expiry)" + (claims.isEmpty ? "" : "," + claims)
    return try await sign(header: "{\(header)}", claims: "{\(members)}", secret: secret)
  }

  /// An HMAC of SHA-256 over whatever the header says.
  static func sign(header: String, claims: String, secret: String) async throws -> String {
    let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(claims.utf8))
    return signed + "." + Base64URL.encode(HMACOfTests.sha256(Array(signed.utf8), key: Array(secret.utf8)))
  }
}
