internal import Logging
internal import NIOCore
internal import PicoAuth
internal import PicoCore
internal import PicoTransport
internal import Synchronization

/// Who may use one port: its keys as they are now, and what it asks of a token.
final class PortAuthenticator: Sendable {
  /// `proxy`, `upstream` or `admin`.
  let port: String
  let rules: TokenRules
  let ring: KeyRing
  let failures: FailureLimit
  private let files: KeyFiles
  private let logger: Logger
  private let known: Locked<Known>

  /// Of the files as they were read last, and of what was said of them.
  private struct Known {
    var fingerprint: Fingerprint
    var fileFailure: String?
    var fetchFailure: String?
  }

  private static let fetchTimeout = TimeAmount.seconds(5)

  /// Reads the files, and fetches nothing yet. nil when the port has no authentication.
  /// - Throws: `badConfiguration` with the key and the file.
  static func make(
    port: String, _ settings: ServerConfiguration.Authentication, on eventLoop: any EventLoop, logger: Logger
  ) async throws(PicoError) -> PortAuthenticator? {
    guard settings.isOn else { return nil }
    var fetch: KeyRing.Fetch?
    if case .web(let server, let path) = settings.jwks {
      let document = try DocumentFetch(
        server: server, path: path, caFile: settings.jwksCA, key: "\(port).auth.jwks-ca", maximumSize: KeySetDocument.maximumSize,
        timeout: fetchTimeout)
      fetch = { () async throws(KeyFetchError) in
        do throws(DocumentFetch.Failure) { return try await document.run(on: eventLoop) } catch { throw KeyFetchError("\(error)") }
      }
    }
    let files = KeyFiles(port: port, settings)
    let contents = try files.read()
    let ring = KeyRing(fetch: fetch) { Double(NIODeadline.now().uptimeNanoseconds) / 1e9 }
    _ = ring.replaceFixed(try await files.keys(contents))
    return PortAuthenticator(port: port, settings, ring: ring, files: files, fingerprint: contents.fingerprint, logger: logger)
  }

  private init(
    port: String, _ settings: ServerConfiguration.Authentication, ring: KeyRing, files: KeyFiles, fingerprint: Fingerprint, logger: Logger
  ) {
    self.port = port
    self.ring = ring
    self.files = files
    self.logger = logger
    known = Locked(Known(fingerprint: fingerprint))
    failures = FailureLimit(
      port == "proxy" ? .proxyFailures : port == "upstream" ? .upstreamFailures : .adminFailures, perSecond: settings.failureRate)
    rules = TokenRules(
      audiences: settings.audiences.texts, issuers: settings.issuers.texts, requiresExpiry: settings.requiresExpiry,
      clockSkew: settings.clockSkew.inSeconds)
  }

  // MARK: Tokens

  /// Of the keys as they are now.
  var generation: UInt64 { ring.generation }

  func verify(_ token: [UInt8]) throws(TokenFault) -> VerifiedClaims {
    try TokenVerifier(keys: ring.snapshot.keys, rules: rules).verify(token, now: WallClock.seconds())
  }

  /// Whether the same token may be good after ``KeyRing/refreshForUnknownKey()``.
  /// - Parameter generation: of the keys before the token was looked at; others may have come meanwhile.
  func mayHelp(_ fault: TokenFault, since generation: UInt64) -> Bool {
    // In this order: a fetch that is over when the first is asked has its keys seen by the second.
    fault == .invalid(.unknownKey) && (ring.mayRefresh || ring.generation != generation)
  }

  /// As long as the key that signed a token counts.
  func knows(_ key: Fingerprint) -> Bool { ring.snapshot.keys.contains(key) }

  /// Seconds since 1970 after which nothing goes on in the token's name: its expiry, or for one that was taken late the end of that leniency.
  func end(of claims: VerifiedClaims) -> Double? {
    claims.expiry.map { $0 > WallClock.seconds() ? $0 : $0 + rules.clockSkew }
  }

  // MARK: Keys

  /// Reads files that changed, and fetches the key set when it is time. True when keys are gone or new.
  func maintain() async -> Bool {
    let isReread = await readFiles()
    switch await ring.maintain() {
    case nil: return isReread
    case .unchanged?:
      known.withLock { $0.fetchFailure = nil }
      return isReread
    case .changed?:
      known.withLock { $0.fetchFailure = nil }
      log()
      return true
    case .failed(let error)?:
      let isNews = known.withLock { known in
        defer { known.fetchFailure = error.description }
        return known.fetchFailure != error.description
      }
      logger.log(
        level: isNews ? .warning : .debug, "key set not fetched, the last keys go on counting",
        metadata: ["key": "\(port).auth.jwks", "reason": "\(error)"])
      return isReread
    }
  }

  private func readFiles() async -> Bool {
    do throws(PicoError) {
      let contents = try files.read()
      let fingerprint = contents.fingerprint
      let isSame = known.withLock { known in
        known.fileFailure = known.fingerprint == fingerprint ? nil : known.fileFailure
        return known.fingerprint == fingerprint
      }
      guard !isSame else { return false }
      let isChanged = ring.replaceFixed(try await files.keys(contents))
      known.withLock { known in
        known.fingerprint = fingerprint
        known.fileFailure = nil
      }
      if isChanged { log() }
      return isChanged
    } catch {
      let text = "\(error)"
      let isNews = known.withLock { known in
        defer { known.fileFailure = text }
        return known.fileFailure != text
      }
      if isNews { logger.error("key file not read again, the last keys go on counting", metadata: ["reason": "\(text)"]) }
      return false
    }
  }

  private func log() {
    logger.notice("keys changed", metadata: ["port": "\(port)", "keys": "\(ring.snapshot.keys.keys.count)"])
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
        let shared = Set(one.ring.snapshot.keys.keys.map(\.fingerprint)).intersection(other.ring.snapshot.keys.keys.map(\.fingerprint))
        guard shared.isEmpty else {
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
