internal import Logging
internal import NIOCore
internal import PicoAuth
internal import PicoCore

/// Who may use one port: its keys as they are now, and what it asks of a token.
///
/// A token whose `iss` is one of the issuers is verified with that issuer's keys and no others, and every other token with the port's own.
final class PortAuthenticator: Sendable {
  /// `proxy`, `upstream` or `admin`.
  let port: String
  let rules: TokenRules
  /// The port's own keys first, where it has any.
  let sources: [KeySource]
  let failures: FailureLimit
  private let own: KeySource?
  private let issuers: [String: KeySource]

  /// nil when the port has no authentication.
  /// - Throws: `badConfiguration` with the key and the file.
  static func make(
    port: String, _ settings: ServerConfiguration.Authentication, on eventLoop: any EventLoop, logger: Logger
  ) async throws(PicoError) -> PortAuthenticator? {
    guard settings.isOn else { return nil }
    let section = "\(port).auth"
    let rules = TokenRules(
      audiences: settings.audiences.texts, issuers: settings.issuer.texts, requiresExpiry: settings.requiresExpiry,
      clockSkew: settings.clockSkew.inSeconds)
    var own: KeySource?
    if settings.hasOwnKeys {
      own = try await KeySource(
        section: section, files: KeyFiles(section: section, settings), set: settings.jwks, authorities: settings.jwksCA, rules: rules,
        on: eventLoop, logger: logger)
    }
    var issuers: [(String, KeySource)] = []
    for (index, issuer) in settings.issuers.enumerated() {
      let section = "\(section).issuers[\(index)]"
      var rules = rules
      rules.issuers = [issuer.issuer]
      rules.tenants = issuer.tenants.grant
      issuers.append(
        (
          issuer.issuer,
          try await KeySource(
            section: section, files: KeyFiles(section: section, issuer), set: issuer.jwks, authorities: issuer.jwksCA, rules: rules,
            on: eventLoop, logger: logger)
        ))
    }
    return PortAuthenticator(port: port, rules: rules, own: own, issuers: issuers, failureRate: settings.failureRate)
  }

  private init(port: String, rules: TokenRules, own: KeySource?, issuers: [(String, KeySource)], failureRate: Int) {
    self.port = port
    self.rules = rules
    self.own = own
    // Names are different: the configuration was checked.
    self.issuers = Dictionary(issuers) { first, _ in first }
    sources = (own.map { [$0] } ?? []) + issuers.map(\.1)
    failures = FailureLimit(
      port == "proxy" ? .proxyFailures : port == "upstream" ? .upstreamFailures : .adminFailures, perSecond: failureRate)
  }

  /// Whose keys a token of this issuer has to be signed with; nil when there are none.
  private func source(ofIssuer issuer: String?) -> KeySource? { issuer.flatMap { issuers[$0] } ?? own }

  // MARK: Tokens

  /// Of the keys as they are now.
  var generation: UInt64 { sources.reduce(0) { $0 &+ $1.ring.generation } }

  func verify(_ text: [UInt8]) throws(TokenFault) -> VerifiedClaims {
    let token = try CompactToken(text)
    guard let source = source(ofIssuer: token.issuer) else { throw .invalid(.wrongIssuer) }
    return try TokenVerifier(keys: source.keys, rules: source.rules).verify(token, now: WallClock.seconds())
  }

  /// Whether the same token may be good after ``refreshForUnknownKey(of:)``.
  /// - Parameter generation: of the keys before the token was looked at; others may have come meanwhile.
  func mayHelp(_ fault: TokenFault, of token: [UInt8], since generation: UInt64) -> Bool {
    guard fault == .invalid(.unknownKey), let source = source(of: token) else { return false }
    // In this order: a fetch that is over when the first is asked has its keys seen by the second.
    return source.ring.mayRefresh || self.generation != generation
  }

  /// Waits for the set that should have the token's key to be fetched, if that may be done now.
  func refreshForUnknownKey(of token: [UInt8]) async { _ = await source(of: token)?.ring.refreshForUnknownKey() }

  private func source(of token: [UInt8]) -> KeySource? {
    (try? CompactToken(token)).flatMap { source(ofIssuer: $0.issuer) }
  }

  /// As long as the key that signed the token counts.
  func knowsKey(of claims: VerifiedClaims) -> Bool { source(ofIssuer: claims.issuer)?.keys.contains(claims.key) == true }

  /// Seconds since 1970 after which nothing goes on in the token's name: its expiry, or for one that was taken late the end of that leniency.
  func end(of claims: VerifiedClaims) -> Double? {
    claims.expiry.map { $0 > WallClock.seconds() ? $0 : $0 + rules.clockSkew }
  }

  // MARK: Keys

  /// Reads files that changed, and fetches key sets when it is time. True when keys are gone or new.
  func maintain() async -> Bool {
    await withTaskGroup { group in
      for source in sources { group.addTask { await source.maintain() } }
      return await group.reduce(false) { $0 || $1 }
    }
  }

  func close() async {
    for source in sources { await source.ring.close() }
  }

  /// A key of this port that is one of the other's too.
  func sharesKey(with other: PortAuthenticator) -> Bool {
    func keys(_ port: PortAuthenticator) -> Set<Fingerprint> { Set(port.sources.flatMap { $0.keys.keys.map(\.fingerprint) }) }
    return !keys(self).isDisjoint(with: keys(other))
  }
}

/// The ports' authentication; nil for a port without.
struct Authenticators: Sendable {
  var proxy: PortAuthenticator?
  var upstream: PortAuthenticator?
  var admin: PortAuthenticator?

  var all: [PortAuthenticator] { [proxy, upstream, admin].compactMap { $0 } }

  /// What of a configuration that was read again holds for ports that serve.
  func apply(_ configuration: ServerConfiguration) {
    proxy?.failures.set(perSecond: configuration.proxy.auth.failureRate)
    upstream?.failures.set(perSecond: configuration.upstream.auth.failureRate)
    admin?.failures.set(perSecond: configuration.admin.auth.failureRate)
  }

  init() {}

  /// - Throws: `badConfiguration` with the key and the file, also where two ports have the same key under different names and no different
  ///   audiences.
  init(_ configuration: ServerConfiguration, on eventLoop: any EventLoop, logger: Logger) async throws(PicoError) {
    proxy = try await .make(port: "proxy", configuration.proxy.auth, on: eventLoop, logger: logger)
    upstream = try await .make(port: "upstream", configuration.upstream.auth, on: eventLoop, logger: logger)
    admin = try await .make(port: "admin", configuration.admin.auth, on: eventLoop, logger: logger)
    for (index, one) in all.enumerated() {
      for other in all[..<index] {
        let (own, theirs) = (Set(one.rules.audiences), Set(other.rules.audiences))
        guard own.isEmpty || theirs.isEmpty || !own.isDisjoint(with: theirs) else { continue }
        guard !one.sharesKey(with: other) else {
          throw PicoError(
            .badConfiguration,
            "\(one.port).auth: a key is one of the \(other.port) port too; set \(other.port).auth.audience and \(one.port).auth.audience "
              + "to different names, or a token for one is one for the other",
            side: .internal)
        }
      }
    }
  }
}
