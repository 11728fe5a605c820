internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import PicoCore
internal import Synchronization

/// One endpoint, and the connection to it for as long as that answers.
///
/// A connection whose packets are lost is not noticed by TCP for minutes, and when they pass again it waits as long as it did before its last
/// attempt. So after a call without an answer the next one has a new connection. The old one ends when its calls have.
final class EtcdEndpoint: Sendable {
  private let endpoint: HostPort
  private let security: EtcdConnection.Transport.TransportSecurity
  private let latest: Locked<EtcdConnection>
  /// Connections to be held; the first is there from the start.
  private let connections: AsyncStream<EtcdConnection>
  private let opening: AsyncStream<EtcdConnection>.Continuation

  init(_ endpoint: HostPort, security: EtcdConnection.Transport.TransportSecurity) throws(EtcdError) {
    self.endpoint = endpoint
    self.security = security
    let first = try EtcdConnection(to: endpoint, security: security)
    latest = Locked(first)
    (connections, opening) = AsyncStream.makeStream()
    opening.yield(first)
  }

  /// The one for the next call.
  var connection: EtcdConnection { latest.withLock { $0 } }

  /// Holds the connections until the task is cancelled, or `close` was called and all have ended.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await connection in connections {
        group.addTask { try? await connection.client.runConnections() }
      }
    }
  }

  /// This connection gave no answer. Many calls that say so of one have it replaced once.
  func replace(_ silent: EtcdConnection) {
    // What could be made once can be made again.
    guard let next = try? EtcdConnection(to: endpoint, security: security) else { return }
    let isReplaced = latest.withLock { latest in
      guard latest.client === silent.client else { return false }
      latest = next
      return true
    }
    guard isReplaced else { return }
    opening.yield(next)
    silent.client.beginGracefulShutdown()
  }

  /// Ends `run` once the calls under way are done.
  func close() {
    opening.finish()
    connection.client.beginGracefulShutdown()
  }
}
