internal import ArgumentParser
internal import Glibc
internal import PicoAuth
internal import PicoConfiguration
internal import PicoCore

struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Make and look at tokens for development.", subcommands: [Issue.self, Inspect.self])

  struct Issue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "issue", abstract: "Make a token with a key file, on standard output.",
      discussion: """
        The key file holds an HMAC secret of at least 32 bytes, or a PEM private key (RSA, P-256, P-384, P-521, Ed25519):
          openssl rand -hex 32 > secret        openssl ecparam -name prime256v1 -genkey -noout -out key.pem
        """)

    @Option(help: "The file with the secret or the private key.")
    var keyFile: String

    @Option(help: "HS256 to HS512, RS256 to RS512, PS256 to PS512, ES256 to ES512 or EdDSA; what fits the key without it.")
    var algorithm: TokenAlgorithm?

    @Option(help: "The ID of the key in a key set (kid).")
    var keyID: String?

    @Option(help: "Who it is for (sub).")
    var subject: String?

    @Option(help: "What it is for (aud); may be given several times.")
    var audience: [String] = []

    @Option(help: "Who it is of (iss).")
    var issuer: String?

    @Option(help: "An endpoint that it is for, such as web or team-*; may be given several times. Without it all.")
    var endpoint: [String] = []

    @Option(help: "Whose endpoints it is for; without it the default tenant's.")
    var tenant: String?

    @Option(help: "What it permits on the admin port.")
    var role: TokenRole?

    @Option(help: "How long it is good: 90s, 12h.", transform: Self.lifetime)
    var expiresIn = Duration.seconds(3600)

    private static func lifetime(_ text: String) throws -> Duration {
      let duration: Duration
      do throws(MalformedValue) { duration = try Duration(text: text) } catch { throw ValidationError("--expires-in: \(error)") }
      guard duration > .zero else { throw ValidationError("--expires-in: \(text.escapedForDisplay) is not more than 0") }
      return duration
    }

    func run() async throws {
      let key: SigningKey
      let file = try TokenCommand.read(keyFile, "--key-file")
      do throws(KeyFault) { key = try await SigningKey(file: file) } catch {
        throw PicoError(.badConfiguration, "--key-file: \(keyFile) \(error)", side: .internal)
      }
      let now = Timestamp.now().seconds
      var claims: [(String, String)] = []
      if let subject { claims.append(("sub", JSONText.quoted(subject))) }
      if let issuer { claims.append(("iss", JSONText.quoted(issuer))) }
      if let first = audience.first { claims.append(("aud", audience.count == 1 ? JSONText.quoted(first) : JSONText.list(audience))) }
      claims.append(("iat", "\(now)"))
      claims.append(("exp", "\(now + Int64(expiresIn.inSeconds.rounded(.up)))"))
      var own: [(String, String)] = []
      if !endpoint.isEmpty { own.append(("endpoints", JSONText.list(endpoint))) }
      if let tenant { own.append(("tenant", JSONText.quoted(tenant))) }
      if let role { own.append(("role", JSONText.quoted(role.rawValue))) }
      if !own.isEmpty { claims.append(("pico", JSONText.object(own))) }
      do throws(KeyFault) {
        let token = try key.token(
          header: keyID.map { [("kid", JSONText.quoted($0))] } ?? [], claims: claims, algorithm: algorithm ?? key.algorithm)
        Output.line(token)
      } catch {
        throw PicoError(.usage, "--algorithm: \(keyFile) \(error)", side: .internal)
      }
    }
  }

  struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "inspect", abstract: "Say what a token holds, and whether a server with these keys would take it.",
      discussion: """
        Without a key nothing is verified: whoever made the token may have written anything into it.
        Exits with 0 when the token is good or was not verified, with 77 when it is refused, with 65 when it is none.
        """)

    @Argument(help: "The file that holds the token; - is standard input.")
    var file = "-"

    @Option(help: "An HMAC secret, a PEM file of public keys or a private key, or a JWK set.")
    var keyFile: String?

    @Option(help: "What aud has to name.")
    var audience: String?

    @Option(help: "What iss has to be.")
    var issuer: String?

    func run() async throws {
      var text = try TokenCommand.read(file == "-" ? "/dev/stdin" : file, "TOKEN")[...]
      let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
      text = text.drop(while: isBlank)
      while let last = text.last, isBlank(last) { text.removeLast() }
      do throws(TokenFault) {
        let token = try CompactToken(Array(text))
        Output.line("header  " + token.headerText.escapedForDisplay)
        Output.line("claims  " + token.claimsText.escapedForDisplay)
        if let expiry = token.expiry { Output.line("expires " + "\(Timestamp(seconds: Int64(expiry)))") }
      } catch {
        throw PicoError(.malformedRequest, "not a token: \(Self.text(of: error))", side: .downstream)
      }
      guard let keyFile else {
        return Output.line("not verified: no --key-file was given, so nothing above is certain")
      }
      let keys = KeySet(try await Self.keys(keyFile))
      let rules = TokenRules(audiences: audience.map { [$0] } ?? [], issuers: issuer.map { [$0] } ?? [])
      do throws(TokenFault) {
        let now = Timestamp.now()
        _ = try TokenVerifier(keys: keys, rules: rules).verify(Array(text), now: Double(now.seconds))
        Output.line("good: signed with a key of \(keyFile.escapedForDisplay)")
      } catch {
        throw PicoError(error == .expired ? .expiredToken : .invalidToken, "refused: \(Self.text(of: error))", side: .downstream)
      }
    }

    private static func text(of fault: TokenFault) -> String {
      switch fault {
      case .missing: "there is no token"
      case .invalid(let flaw): flaw.rawValue
      case .expired: "it has expired"
      }
    }

    private static func keys(_ path: String) async throws -> [VerificationKey] {
      let bytes = try TokenCommand.read(path, "--key-file")
      do throws(KeyFault) {
        if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") { return try await KeySetDocument.keys(bytes) }
        guard bytes.starts(with: "-----BEGIN ".utf8) else { return [try await VerificationKey(secret: try SecretBytes.read(bytes))] }
        do throws(KeyFault) { return try await VerificationKey.keys(publicPEM: String(decoding: bytes, as: UTF8.self)) } catch {
          guard error == .isPrivate else { throw error }
          return [try await SigningKey(file: bytes).verification]
        }
      } catch {
        throw PicoError(.badConfiguration, "--key-file: \(path) \(error)", side: .internal)
      }
    }
  }

  private static func read(_ path: String, _ name: String) throws -> [UInt8] {
    do throws(FileReadError) {
      return try TextFile.readBytes(path: path, maximumSize: 1 << 20)
    } catch {
      throw PicoError(.badConfiguration, "\(name): \(path) \(error.reason)", side: .internal)
    }
  }
}

extension TokenAlgorithm: ExpressibleByArgument {}
extension TokenRole: ExpressibleByArgument {}
