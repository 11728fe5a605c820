internal import EtcdWire
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import PicoCore
internal import SwiftProtobuf
internal import Synchronization

/// etcd v3 over gRPC: the part that Pico uses, of servers from 3.4 on.
///
/// A call goes to one endpoint until that fails and then to the next, round and round within the time that the call may take; an endpoint
/// that cannot be reached is tried again then too. What could do harm when carried out twice is sent once only. Cancelling the caller's
/// task ends a call with `.stopped`; the server may have carried it out.
///
/// Calls wait until `run` has been started.
package final class EtcdClient: Sendable {
  package let configuration: EtcdConfiguration
  let endpoints: [EtcdEndpoint]
  let rotation: Locked<EndpointRotation>
  private let tokens: EtcdTokens?

  /// - Throws: `.configuration` for a certificate or key that cannot be read, naming the file.
  package init(_ configuration: EtcdConfiguration, startingAt start: Int? = nil) throws(EtcdError) {
    guard !configuration.endpoints.isEmpty else { throw EtcdError(.configuration, "no endpoint is given") }
    self.configuration = configuration
    let security = try EtcdConnection.security(configuration.tls)
    var endpoints: [EtcdEndpoint] = []
    for endpoint in configuration.endpoints { endpoints.append(try EtcdEndpoint(endpoint, security: security)) }
    self.endpoints = endpoints
    rotation = Locked(EndpointRotation(count: endpoints.count, startingAt: start ?? .random(in: 0..<endpoints.count)))
    tokens = configuration.user.map { EtcdTokens(user: $0) }
  }

  /// Holds the connections until the task is cancelled or `close` is called; calls that are under way then fail.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for endpoint in endpoints {
        group.addTask { await endpoint.run() }
      }
    }
  }

  /// Ends `run` once the calls under way are done. Later calls fail with `.stopped`.
  package func close() {
    for endpoint in endpoints { endpoint.close() }
  }

  /// Makes a call, at another endpoint if one fails, until `timeout` has passed.
  func call<Reply: Sendable>(
    within timeout: Duration? = nil, isRepeatable: Bool = true, withToken: Bool = true,
    _ body: @Sendable (EtcdConnection, Metadata, CallOptions) async throws -> Reply
  ) async throws(EtcdError) -> Reply {
    let deadline = ContinuousClock.now + (timeout ?? configuration.timeout)
    var failures = 0
    var isRenewed = false
    while true {
      let index = rotation.withLock { $0.current }
      let remaining = deadline - .now
      let connection = endpoints[index].connection
      let share = rotation.withLock { $0.share(of: remaining) }
      let error: EtcdError
      do {
        let metadata: Metadata = withToken ? try await tokenMetadata(within: remaining) : [:]
        var options = Self.options
        options.timeout = share
        return try await body(connection, metadata, options)
      } catch let failure {
        error = EtcdError(failure, from: connection.name)
      }
      if Task.isCancelled { throw EtcdError(.stopped, "stopped") }
      if error.code == .unauthenticated, withToken, !isRenewed, let tokens {
        // The token has run out or its server was started anew.
        isRenewed = true
        await tokens.forget()
        continue
      }
      guard error.isPassing else { throw error }
      // Who had too little time for an answer has not failed for the calls that have more.
      if error.code == .unavailable || share >= .milliseconds(500) { rotation.withLock { $0.failed(at: index) } }
      if error.code == .timedOut, share >= .milliseconds(500) { endpoints[index].replace(connection) }
      failures += 1
      // Once round, a moment's pause: what answers at once that it cannot would be asked without end.
      let pause: Duration = failures % endpoints.count == 0 ? .milliseconds(50) : .zero
      guard isRepeatable, .now + pause < deadline else { throw error }
      do { try await Task.sleep(for: pause) } catch { throw EtcdError(.stopped, "stopped") }
    }
  }

  /// What a call carries so that etcd knows the user; empty without a user, or while the cluster asks for none.
  func tokenMetadata(within timeout: Duration) async throws(EtcdError) -> Metadata {
    guard let tokens else { return [:] }
    let token = try await tokens.token { (user) throws(EtcdError) in try await self.authenticate(user, within: timeout) }
    return token.isEmpty ? [:] : ["token": "\(token)"]
  }

  func forgetToken() async { await tokens?.forget() }

  private func authenticate(_ user: EtcdConfiguration.User, within timeout: Duration) async throws(EtcdError) -> String {
    do {
      return try await call(within: timeout, withToken: false) { connection, _, options in
        try await connection.auth.authenticate(
          .with {
            $0.name = user.name
            $0.password = user.password
          }, options: options
        ).token
      }
    } catch {
      // A cluster that knows no users serves everybody, and may learn of them later.
      if error.message.contains("authentication is not enabled") { return "" }
      throw error
    }
  }

  static var options: CallOptions {
    var options = CallOptions.defaults
    options.waitForReady = false
    // Pages and batches of events are far below this; the library's own limit of 4 MiB is not.
    options.maxResponseMessageBytes = 64 << 20
    options.maxRequestMessageBytes = 64 << 20
    return options
  }
}
