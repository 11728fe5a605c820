internal import Logging
internal import NIOCore
internal import PicoAuth
internal import PicoCore
internal import PicoTransport
internal import Synchronization

/// Keys that come from one place of the configuration, as they are now: a port's own, or those of one issuer of the port.
final class KeySource: Sendable {
  /// What its keys are in: `proxy.auth`, `proxy.auth.issuers[0]`.
  let section: String
  let rules: TokenRules
  let ring: KeyRing
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

  /// Reads the files, and fetches nothing yet.
  /// - Throws: `badConfiguration` with the key and the file.
  init(
    section: String, files: KeyFiles, set: KeySetLocation?, authorities: String?, rules: TokenRules, on eventLoop: any EventLoop,
    logger: Logger
  ) async throws(PicoError) {
    var fetch: KeyRing.Fetch?
    if case .web(let server, let path) = set {
      let document = try DocumentFetch(
        server: server, path: path, caFile: authorities, key: "\(section).jwks-ca", maximumSize: KeySetDocument.maximumSize,
        timeout: Self.fetchTimeout)
      fetch = { () async throws(KeyFetchError) in
        do throws(DocumentFetch.Failure) { return try await document.run(on: eventLoop) } catch { throw KeyFetchError("\(error)") }
      }
    }
    let contents = try files.read()
    ring = KeyRing(fetch: fetch) { Double(NIODeadline.now().uptimeNanoseconds) / 1e9 }
    _ = ring.replaceFixed(try await files.keys(contents))
    self.section = section
    self.rules = rules
    self.files = files
    self.logger = logger
    known = Locked(Known(fingerprint: contents.fingerprint))
  }

  var keys: KeySet { ring.snapshot.keys }

  var report: MetricsReport.Health.KeySource {
    let isFailing = known.withLock { $0.fileFailure != nil || $0.fetchFailure != nil }
    return .init(section: section, keys: keys.keys.count, isFailing: isFailing)
  }

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
        metadata: ["key": "\(section).jwks", "reason": "\(error)"])
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
    logger.notice("keys changed", metadata: ["of": "\(section)", "keys": "\(ring.snapshot.keys.keys.count)"])
  }
}
