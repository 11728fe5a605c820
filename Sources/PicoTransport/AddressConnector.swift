package import NIOCore
package import NIOPosix
package import PicoCore

/// Connects to a host or a socket, trying one address after the other. What can be computed once is.
package struct AddressConnector: Sendable {
  private enum Target: Sendable {
    /// Tried in order.
    case addresses([SocketAddress])
    /// Looked up at each attempt; NIO tries its addresses (RFC 8305).
    case name(String, port: Int)
  }

  private let target: Target

  /// `localhost` is 127.0.0.1, then ::1.
  package init(_ address: HostPort) throws {
    if address.host.lowercased() == "localhost" {
      target = .addresses(try ["127.0.0.1", "::1"].map { try SocketAddress(ipAddress: $0, port: address.port) })
    } else if let literal = try? SocketAddress(ipAddress: address.host, port: address.port) {
      target = .addresses([literal])
    } else {
      target = .name(address.host, port: address.port)
    }
  }

  package init(unixSocket path: String) throws {
    target = .addresses([try SocketAddress(unixDomainSocketPath: path)])
  }

  /// Runs on the event loop. `makeBootstrap` is asked once for each attempt, with the time that all of them have.
  /// - Parameter turn: which of a name's addresses is tried first; nil is as the system says.
  package func connect(
    on eventLoop: any EventLoop, turn: AddressTurn? = nil, makeBootstrap: @escaping @Sendable () -> ClientBootstrap
  ) -> EventLoopFuture<any Channel> {
    switch target {
    case .name(let host, let port):
      makeBootstrap().resolver(turn.map { TurnResolver($0, on: eventLoop) }).connect(host: host, port: port)
    case .addresses(let addresses): Self.connect(addresses[...], makeBootstrap, on: eventLoop)
    }
  }

  private static func connect(
    _ addresses: ArraySlice<SocketAddress>, _ makeBootstrap: @escaping @Sendable () -> ClientBootstrap, on eventLoop: any EventLoop
  ) -> EventLoopFuture<any Channel> {
    guard let first = addresses.first else { return eventLoop.makeFailedFuture(ChannelError.unknownLocalAddress) }
    let attempt = makeBootstrap().connect(to: first)
    guard addresses.count > 1 else { return attempt }
    return attempt.flatMapError { error in
      // What the first address said is what people look for: nobody thinks of ::1 when a service on 127.0.0.1 is down.
      connect(addresses.dropFirst(), makeBootstrap, on: eventLoop).flatMapErrorThrowing { _ in throw error }
    }
  }
}

/// A failed attempt to connect in a few words, without the name of the address.
package enum ConnectErrorText {
  package static func text(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let last = error.connectionErrors.last { return text(last.error) }
      return "cannot find the host \(error.host)"
    case let error as IOError: return SystemErrorText.text(error.errnoCode)
    case ChannelError.connectTimeout: return "no answer in time"
    default: return TLSContext.isTLS(error) ? TLSContext.text(error) : "\(error)"
    }
  }

  package static func isTimeout(_ error: any Error) -> Bool {
    switch error {
    case ChannelError.connectTimeout: true
    case let error as NIOConnectionError: !error.connectionErrors.isEmpty && error.connectionErrors.allSatisfy { isTimeout($0.error) }
    case let error as IOError: error.errnoCode == 110
    default: false
    }
  }
}
