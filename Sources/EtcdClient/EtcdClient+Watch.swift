internal import EtcdWire
internal import FoundationEssentials
internal import GRPCCore
internal import PicoCore
internal import SwiftProtobuf
internal import Synchronization

extension EtcdClient {
  /// What a watch tells.
  package enum WatchUpdate: Sendable, Equatable {
    /// The stream stands, first or again after `.interrupted`: from here on every change is told.
    case opened
    /// In the order of their revisions. After `.interrupted` some may come a second time.
    case events([EtcdEvent])
    /// Nothing changed; the member that is listened to has a leader. At least every second while nothing else is told.
    case alive
    /// The stream broke. It is opened again where it broke, at another endpoint; the caller need do nothing.
    case interrupted(EtcdError)
  }

  /// Tells every change of the keys that begin alike, from the revision after that of `read` on, until the task is cancelled.
  ///
  /// A stream is broken when its connection is, when its member has lost its leader and when nothing came for 3 s though something was asked
  /// for each second.
  ///
  /// - Parameter observe: is called for one update after the other; the next waits for it.
  /// - Throws: `.compacted` or `.historyChanged` when only reading anew helps, `.watchRefused`, `.permissionDenied` or `.unauthenticated` when
  ///   the server will not have it, `.stopped`.
  package func watch(
    _ prefix: String, after read: EtcdHeader, _ observe: @escaping @Sendable (WatchUpdate) async -> Void
  ) async throws(EtcdError) {
    let place = WatchPlace(after: read)
    var isRenewed = false
    var isFirst = true
    while true {
      let index = rotation.withLock { $0.current }
      let connection = endpoints[index].connection
      let error: EtcdError
      do {
        if !isFirst { try await confirm(place, of: prefix) }
        isFirst = false
        let metadata = try await tokenMetadata(within: configuration.timeout)
        try await stream(prefix, connection, metadata, place, observe)
        error = EtcdError(.unavailable, "\(connection.name): the watch ended")
      } catch let failure {
        error = EtcdError(failure, from: connection.name)
      }
      if Task.isCancelled { throw EtcdError(.stopped, "stopped") }
      switch error.code {
      case .compacted, .historyChanged, .watchRefused, .configuration: throw error
      case .permissionDenied, .unauthenticated:
        // A token that ran out is told as a permission that is lacking.
        guard configuration.user != nil, !isRenewed else { throw error }
        isRenewed = true
        await forgetToken()
      default:
        isRenewed = false
        rotation.withLock { $0.failed(at: index) }
        if error.code == .timedOut { endpoints[index].replace(connection) }
        await observe(.interrupted(error))
        do { try await Task.sleep(for: .milliseconds(50)) } catch { throw EtcdError(.stopped, "stopped") }
      }
    }
  }

  /// Before a stream goes on: a store that has lost what was read would let it wait for ever.
  private func confirm(_ place: WatchPlace, of prefix: String) async throws(EtcdError) {
    let now = try await get(.key(prefix)).header
    var least = place.read
    least.revision = max(least.revision, place.next - 1)
    guard now.continues(least) else {
      throw EtcdError(.historyChanged, "the store is at revision \(now.revision) and was at \(least.revision): its data was replaced")
    }
  }

  private static let silenceLimit = Duration.seconds(3)

  /// One stream, until it breaks.
  private func stream(
    _ prefix: String, _ connection: EtcdConnection, _ token: Metadata, _ place: WatchPlace,
    _ observe: @escaping @Sendable (WatchUpdate) async -> Void
  ) async throws {
    var metadata = token
    // The server ends the stream when its member has no leader, where it would otherwise be silent.
    metadata.addString("true", forKey: "hasleader")
    place.heard()
    let from = place.next
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [metadata] in
        try await connection.watch.watch(metadata: metadata, options: Self.options) { writer in
          try await writer.write(.with { $0.createRequest = .watching(prefix, from: from) })
          while true {
            try await Task.sleep(for: .seconds(1))
            try await writer.write(.with { $0.progressRequest = .init() })
          }
        } onResponse: { response in
          for try await message in response.messages {
            guard message.header.clusterID == place.read.clusterID else {
              throw EtcdError(.historyChanged, "\(connection.name) belongs to another cluster than what was read")
            }
            switch place.received(WatchCursor.Message(message)) {
            case .opened: await observe(.opened)
            case .events: await observe(.events(message.events.map(EtcdEvent.init)))
            case .alive: await observe(.alive)
            case .compacted(let kept): throw EtcdError(.compacted, "revisions before \(kept) are no longer kept")
            case .refused(let reason): throw EtcdError.refusal(reason, of: connection.name)
            }
            // What the observer took is no silence of the server's.
            place.heard()
          }
        }
      }
      group.addTask {
        while true {
          try await Task.sleep(for: .milliseconds(500))
          if place.silence > Self.silenceLimit {
            throw EtcdError(.timedOut, "\(connection.name): the watch is silent")
          }
        }
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }
}

/// How far a watch has come and when it was last heard of.
private final class WatchPlace: Sendable {
  /// What the reading before the watch was answered with.
  let read: EtcdHeader
  private let cursor: Locked<WatchCursor>
  private let lastHeard = Locked(ContinuousClock.now)

  init(after read: EtcdHeader) {
    self.read = read
    cursor = Locked(WatchCursor(next: read.revision + 1))
  }

  var next: Int64 { cursor.withLock { $0.next } }
  var silence: Duration { ContinuousClock.now - lastHeard.withLock { $0 } }

  func heard() { lastHeard.withLock { $0 = .now } }

  func received(_ message: WatchCursor.Message) -> WatchCursor.Step {
    heard()
    return cursor.withLock { $0.received(message) }
  }
}

extension EtcdError {
  /// The server's reasons are those of calls, as text.
  fileprivate static func refusal(_ reason: String, of endpoint: String) -> EtcdError {
    let code: Code =
      if reason.contains("permission denied") {
        .permissionDenied
      } else if reason.contains("auth") {
        .unauthenticated
      } else {
        .watchRefused
      }
    return EtcdError(code, "\(endpoint): the watch was refused: \(reason.isEmpty ? "no reason given" : reason)")
  }
}

extension Etcdserverpb_WatchCreateRequest {
  fileprivate static func watching(_ prefix: String, from revision: Int64) -> Self {
    .with {
      $0.key = EtcdKeys.prefix(prefix).first
      $0.rangeEnd = EtcdKeys.prefix(prefix).end
      $0.startRevision = revision
      $0.progressNotify = true
      $0.fragment = true
    }
  }
}

extension WatchCursor.Message {
  fileprivate init(_ message: Etcdserverpb_WatchResponse) {
    self.init(
      watchID: message.watchID, isCreated: message.created, isCanceled: message.canceled, compactRevision: message.compactRevision,
      reason: message.cancelReason, isFragment: message.fragment, revision: message.header.revision,
      lastEvent: message.events.last?.kv.modRevision)
  }
}
