internal import GRPCCore

/// What a call to etcd ended with.
package struct EtcdError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// No endpoint can be reached, or none has a leader, for as long as the call may take.
    case unavailable
    /// The call reached a member and no answer came in time: it may have been carried out.
    case timedOut = "timed-out"
    /// The user may not touch these keys.
    case permissionDenied = "permission-denied"
    /// A wrong user or password, or none where one is needed.
    case unauthenticated
    case leaseNotFound = "lease-not-found"
    /// The revision asked for is no longer kept: read again.
    case compacted
    /// The store is not the one that was read: its data was lost or replaced. Read again.
    case historyChanged = "history-changed"
    /// The server ended the watch and says why.
    case watchRefused = "watch-refused"
    /// The store is full or takes no more requests.
    case exhausted
    /// A certificate, key or address that cannot be used.
    case configuration
    /// The task was cancelled or the client has ended.
    case stopped
    /// Anything else that etcd said.
    case other
  }

  package let code: Code
  /// One line, with the endpoint where one is at fault. Not escaped.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "etcd: \(message)" }
}

extension EtcdError {
  /// - Parameter endpoint: whom the call went to.
  init(_ error: any Error, from endpoint: String) {
    switch error {
    case let error as EtcdError: self = error
    case is CancellationError: self.init(.stopped, "stopped")
    case let error as RPCError:
      self.init(Self.code(of: error), "\(endpoint): \(Self.text(of: error))")
    case let error as RuntimeError:
      self.init(error.code == .clientIsStopped ? .stopped : .other, "\(endpoint): \(error.message)")
    default: self.init(.other, "\(endpoint): \(error)")
    }
  }

  private static func code(of error: RPCError) -> Code {
    switch error.code {
    case .unavailable: .unavailable
    case .deadlineExceeded: .timedOut
    case .cancelled: .stopped
    case .permissionDenied: .permissionDenied
    case .unauthenticated: .unauthenticated
    case .resourceExhausted: .exhausted
    case .notFound where error.message.contains("lease"): .leaseNotFound
    // A member whose own clock for the call ends first passes the words of its library on without a code of its protocol.
    case .unknown where ["context deadline exceeded", "context canceled"].contains { error.message.contains($0) }: .timedOut
    case .outOfRange where error.message.contains("compacted"): .compacted
    case .outOfRange where error.message.contains("future revision"): .historyChanged
    // etcd reports a wrong password, a missing token and one of before the last change of users as invalid arguments.
    case .invalidArgument
    where ["authentication failed", "user name is empty", "auth store is old"].contains { error.message.contains($0) }:
      .unauthenticated
    default: .other
    }
  }

  /// gRPC wraps what went wrong below it: the innermost tells most.
  private static func text(of error: RPCError) -> String {
    var text = error.message
    var cause = error.cause
    while let inner = cause {
      if let error = inner as? RPCError {
        text += ": \(error.message)"
        cause = error.cause
      } else {
        text += ": \(inner)"
        cause = nil
      }
    }
    return text
  }

  /// Another endpoint, or the same a little later, may do better.
  var isPassing: Bool { code == .unavailable || code == .timedOut }
}
