package import NIOCore
package import NIOSSL
package import PicoCore
internal import Synchronization

/// TLS towards one server or service, by its files as they were when they could last be used. Each connection takes what holds when it is
/// opened, and keeps it.
package final class ClientTLS: Sendable {
  private struct State {
    var context: NIOSSLContext
    /// Of the files that were read last, whether they could be used or not: what cannot be is not tried twice.
    var stamps: [FileStamp]
    var lookedAt: NIODeadline
  }

  private let caFile: String?
  private let credentials: TLSContext.Credentials?
  private let key: String
  private let interval: TimeAmount
  private let state: Locked<State>
  private let warn: @Sendable (PicoError) -> Void

  /// - Parameters:
  ///   - caFile, key, credentials: as in ``TLSContext/make(caFile:key:credentials:)``.
  ///   - interval: the files are looked at when a connection is opened, and no more often than this.
  ///   - warn: called with what is wrong with files that changed and cannot be used.
  /// - Throws: `badConfiguration` that names the key and the file.
  package init(
    caFile: String?, key: String, credentials: TLSContext.Credentials?, interval: TimeAmount = .zero,
    warn: @escaping @Sendable (PicoError) -> Void
  ) throws(PicoError) {
    self.caFile = caFile
    self.credentials = credentials
    self.key = key
    self.interval = interval
    self.warn = warn
    // Before the files are read: what changes in between is seen as a change.
    let stamps = Self.stamps(caFile, credentials)
    let context = try TLSContext.make(caFile: caFile, key: key, credentials: credentials)
    state = Locked(State(context: context, stamps: stamps, lookedAt: .now()))
  }

  /// For the next connection. Looks at the files, and reads those that changed: blocks for as long as that takes.
  package func context() -> NIOSSLContext {
    let now = NIODeadline.now()
    let isDue = state.withLock { state in
      guard now - state.lookedAt >= interval else { return false }
      state.lookedAt = now
      return true
    }
    if isDue { look() }
    return state.withLock { $0.context }
  }

  private func look() {
    let stamps = Self.stamps(caFile, credentials)
    let hasChanged = state.withLock { state in
      guard stamps != state.stamps else { return false }
      state.stamps = stamps
      return true
    }
    guard hasChanged else { return }
    do throws(PicoError) {
      let context = try TLSContext.make(caFile: caFile, key: key, credentials: credentials)
      state.withLock { $0.context = context }
    } catch {
      warn(error)
    }
  }

  private static func stamps(_ caFile: String?, _ credentials: TLSContext.Credentials?) -> [FileStamp] {
    [caFile, credentials?.certificateFile, credentials?.keyFile].compactMap { $0.map(FileStamp.init) }
  }
}
