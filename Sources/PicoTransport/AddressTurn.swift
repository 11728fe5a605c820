internal import Glibc
package import NIOCore
internal import NIOPosix
internal import PicoCore

/// In which order the addresses of a name are tried. Turns that follow each other begin with different ones; what comes behind the first is in any
/// order, so that those who find a machine gone do not all go to the same next one.
package struct AddressTurn: Sendable, Equatable {
  private let value: UInt64

  package init(_ value: UInt64) { self.value = value }

  package static func random() -> AddressTurn { AddressTurn(.random(in: 0 ... .max)) }

  package func advanced(by steps: Int) -> AddressTurn { AddressTurn(value &+ UInt64(bitPattern: Int64(steps))) }

  package func order(_ addresses: [SocketAddress]) -> [SocketAddress] {
    guard addresses.count > 1 else { return addresses }
    // Names are answered in any order.
    var rest = addresses.sorted { ($0.ipAddress ?? "") < ($1.ipAddress ?? "") }
    let first = rest.remove(at: Int(value % UInt64(rest.count)))
    var generator = SplitMixGenerator(seed: value)
    return [first] + rest.shuffled(using: &generator)
  }
}

/// Looks a name up and gives its addresses, each family's in the order of a turn. For one attempt.
final class TurnResolver: Resolver, Sendable {
  private let turn: AddressTurn
  private let ipv4: EventLoopPromise<[SocketAddress]>
  private let ipv6: EventLoopPromise<[SocketAddress]>

  init(_ turn: AddressTurn, on eventLoop: any EventLoop) {
    self.turn = turn
    ipv4 = eventLoop.makePromise()
    ipv6 = eventLoop.makePromise()
  }

  /// NIO asks for both, for this one first.
  func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
    let (turn, ipv4, ipv6) = (turn, ipv4, ipv6)
    NIOThreadPool.singleton.submit { state in
      do {
        guard state == .active else { throw CancellationError() }
        let found = try Self.lookUp(host, port)
        ipv6.succeed(turn.order(found.filter { $0.protocol == .inet6 }))
        ipv4.succeed(turn.order(found.filter { $0.protocol == .inet }))
      } catch {
        ipv6.fail(error)
        ipv4.fail(error)
      }
    }
    return ipv6.futureResult
  }

  func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { ipv4.futureResult }

  /// A lookup under way ends by itself.
  func cancelQueries() {}

  /// Blocks (getaddrinfo(3)).
  private static func lookUp(_ host: String, _ port: Int) throws -> [SocketAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, "\(port)", &hints, &first)
    guard code == 0 else { throw HostNotFound(code: code) }
    defer { unsafe freeaddrinfo(first) }
    var addresses: [SocketAddress] = []
    var next = unsafe first
    // The list and what it points to live until it is freed; an address is as long as its family says.
    while let entry = unsafe next {
      if let address = unsafe entry.pointee.ai_addr {
        switch unsafe entry.pointee.ai_family {
        case AF_INET:
          addresses.append(
            unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { unsafe SocketAddress($0.pointee, host: host) })
        case AF_INET6:
          addresses.append(
            unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { unsafe SocketAddress($0.pointee, host: host) })
        default: break
        }
      }
      unsafe next = entry.pointee.ai_next
    }
    return addresses
  }
}

/// getaddrinfo(3) knows no address, for a reason of its own.
struct HostNotFound: Error, Equatable {
  var code: CInt
}
