internal import EtcdWire
internal import GRPCCore
internal import SwiftProtobuf

extension EtcdClient {
  package struct Granted: Sendable, Equatable {
    package var lease: EtcdLease
    /// May be longer than what was asked for: the cluster has a least one, about twice its election timeout.
    package var lasting: Duration
    package var header: EtcdHeader
  }

  /// A new lease. Sent again if no answer comes: one that was granted and never heard of ends by itself.
  ///
  /// - Parameter duration: whole seconds; rounded up.
  package func grantLease(lasting duration: Duration, within timeout: Duration? = nil) async throws(EtcdError) -> Granted {
    let seconds = max(1, duration.components.seconds + (duration.components.attoseconds > 0 ? 1 : 0))
    return try await call(within: timeout) { connection, metadata, options in
      let response = try await connection.lease.leaseGrant(.with { $0.ttl = seconds }, metadata: metadata, options: options)
      return Granted(lease: EtcdLease(id: response.id), lasting: .seconds(response.ttl), header: EtcdHeader(response.header))
    }
  }

  /// Starts the lease's time anew. etcd has a stream for this; one is opened for each time, so that each has its own end of waiting and may
  /// go to another member than the last.
  ///
  /// - Returns: the time it now lasts.
  /// - Throws: `.leaseNotFound` if it has ended.
  package func keepAlive(_ lease: EtcdLease, within timeout: Duration? = nil) async throws(EtcdError) -> Duration {
    let remaining = try await call(within: timeout) { connection, metadata, options in
      try await connection.lease.leaseKeepAlive(metadata: metadata, options: options) { writer in
        try await writer.write(.with { $0.id = lease.id })
      } onResponse: { response in
        for try await message in response.messages { return message.ttl }
        throw RPCError(code: .unavailable, message: "the stream ended without an answer")
      }
    }
    guard remaining > 0 else { throw EtcdError(.leaseNotFound, "lease \(lease) has ended") }
    return .seconds(remaining)
  }

  /// Ends the lease and deletes its keys, in one revision.
  ///
  /// - Throws: `.leaseNotFound` if it has ended already.
  package func revoke(_ lease: EtcdLease, within timeout: Duration? = nil) async throws(EtcdError) {
    _ = try await call(within: timeout) { connection, metadata, options in
      try await connection.lease.leaseRevoke(.with { $0.id = lease.id }, metadata: metadata, options: options)
    }
  }

  /// What is left of the lease; `nil` if it has ended.
  package func remainingTime(of lease: EtcdLease) async throws(EtcdError) -> Duration? {
    let seconds = try await call { connection, metadata, options in
      try await connection.lease.leaseTimeToLive(.with { $0.id = lease.id }, metadata: metadata, options: options).ttl
    }
    return seconds < 0 ? nil : .seconds(seconds)
  }
}
