internal import Glibc
internal import Logging
internal import NIOCore
internal import PicoCore
internal import Synchronization

/// Accepts connections on listening sockets of our own, on a thread of its own.
///
/// Owning the descriptors is what lets a connection move to another loop (``ProxyHandler/move(to:with:)``): a channel cannot, but a second
/// descriptor of the same socket can be given to a new one.
final class Acceptor: Sendable {
  /// Takes an accepted descriptor, which is its own from then on.
  typealias Taker = @Sendable (CInt) -> Void

  /// Where it listens, with the ports that the system chose.
  let addresses: [SocketAddress]
  private let descriptors: [CInt]
  /// A pipe; closing its writing end wakes the thread to stop.
  private let stop: (read: CInt, write: CInt)
  private let thread: PicoCore.Thread
  private let isClosed = Atomic<Bool>(false)

  private static let backlog: CInt = 4096
  private static let acceptsPerTurn = 64

  /// Listens on all addresses when it returns; a family that the machine lacks is left out as long as another one works.
  /// - Throws: ``PicoError``: `addressInUse` or `badConfiguration`, naming `key` and the address.
  init(_ wanted: [SocketAddress], key: String, logger: Logger, taker: @escaping Taker) throws {
    var descriptors: [CInt] = []
    var addresses: [SocketAddress] = []
    do {
      for var address in wanted {
        if address.port == 0, let port = addresses.first?.port { address.port = port }
        do {
          let (descriptor, bound) = try ListenSocket.open(address, backlog: Self.backlog)
          descriptors.append(descriptor)
          addresses.append(bound)
        } catch let error where (error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT) && wanted.count > 1 {
          continue
        } catch {
          throw error.code == EADDRINUSE
            ? PicoError(.addressInUse, "\(key): \(ListenSocket.text(address)) is in use", side: .internal)
            : PicoError(.badConfiguration, "\(key): cannot listen on \(ListenSocket.text(address)): \(error.text)", side: .internal)
        }
      }
      guard !descriptors.isEmpty else { throw PicoError(.badConfiguration, "\(key): no address of this machine", side: .internal) }
      let stop = ListenSocket.pipe()
      let polled = descriptors
      guard let stop, let thread = PicoCore.Thread.start({ Self.run(polled, stop: stop.read, logger: logger, taker: taker) }) else {
        throw PicoError(.badConfiguration, "\(key): no thread to accept connections on", side: .internal)
      }
      self.stop = stop
      self.thread = thread
    } catch {
      for descriptor in descriptors { Glibc.close(descriptor) }
      throw error
    }
    self.descriptors = descriptors
    self.addresses = addresses
  }

  /// Accepts what waits, then closes the sockets. Safe to call twice; returns when the thread has ended.
  func close() {
    guard !isClosed.exchange(true, ordering: .relaxed) else { return }
    Glibc.close(stop.write)
    thread.join()
    for descriptor in descriptors { Glibc.close(descriptor) }
    Glibc.close(stop.read)
  }

  private static func run(_ descriptors: [CInt], stop: CInt, logger: Logger, taker: Taker) {
    var polls = (descriptors + [stop]).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var isShort = false
    while true {
      // The array is ours and has as many entries as we say.
      guard unsafe poll(&polls, nfds_t(polls.count), -1) >= 0 else {
        if errno == EINTR { continue }
        return logger.critical("cannot wait for connections", metadata: ["reason": "\(SystemError(errno).text)"])
      }
      let isStopping = polls[descriptors.count].revents != 0
      for (index, descriptor) in descriptors.enumerated() where polls[index].revents != 0 || isStopping {
        let limit = isStopping ? Int.max : acceptsPerTurn
        if let error = accept(descriptor, limit: limit, taker) {
          // Descriptors or memory are short: wait for some to come back, and say so once.
          if !isShort { logger.error("cannot accept connections", metadata: ["reason": "\(error.text)"]) }
          isShort = true
          usleep(20_000)
        } else {
          isShort = false
        }
      }
      if isStopping { return }
    }
  }

  /// Accepts up to `limit` connections; an error means that none can be taken now.
  private static func accept(_ descriptor: CInt, limit: Int, _ taker: Taker) -> SystemError? {
    for _ in 0..<limit {
      let accepted = Glibc.accept(descriptor, nil, nil)
      if accepted >= 0 {
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        taker(accepted)
        continue
      }
      switch errno {
      case EAGAIN: return nil
      // The connection went away before it was taken, or the network had an error of its own (accept(2)).
      case EINTR, ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH: continue
      default: return SystemError(errno)
      }
    }
    return nil
  }
}

/// An error number of the system.
struct SystemError: Error, Equatable {
  let code: CInt

  init(_ code: CInt) { self.code = code }

  var text: String { SystemErrorText.text(code) }
}

/// Makes listening sockets.
enum ListenSocket {
  /// A socket that does not block, bound and listening, and where it is.
  static func open(_ address: SocketAddress, backlog: CInt) throws(SystemError) -> (CInt, SocketAddress) {
    let isV6 = address.protocol == .inet6
    let descriptor = socket(
      isV6 ? AF_INET6 : AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError(errno) }
    set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    // `::` takes IPv4 as well; any other address is what it says.
    if isV6 { set(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, address.ipAddress == "::" ? 0 : 1) }
    let bound = unsafe address.withSockAddr { pointer, size in unsafe bind(descriptor, pointer, socklen_t(size)) }
    guard bound == 0, listen(descriptor, backlog) == 0 else {
      let error = SystemError(errno)
      Glibc.close(descriptor)
      throw error
    }
    var local = address
    if address.port == 0 { local.port = port(of: descriptor) }
    return (descriptor, local)
  }

  /// The two ends of a pipe that children do not inherit.
  static func pipe() -> (read: CInt, write: CInt)? {
    var ends: (CInt, CInt) = (-1, -1)
    // Two adjacent integers, as pipe(2) wants.
    let result = unsafe withUnsafeMutableBytes(of: &ends) { raw in
      unsafe raw.baseAddress.map { unsafe Glibc.pipe($0.assumingMemoryBound(to: CInt.self)) }
    }
    guard result == 0 else { return nil }
    _ = fcntl(ends.0, F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends.1, F_SETFD, FD_CLOEXEC)
    return ends
  }

  private static func set(_ descriptor: CInt, _ level: CInt, _ name: CInt, _ value: CInt) {
    var value = value
    // The size is that of the local.
    _ = unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
  }

  private static func port(of descriptor: CInt) -> Int {
    // 16 or 28 bytes; in both forms the port is in the third and fourth, high byte first.
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var size: socklen_t = 32
    let result = unsafe withUnsafeMutableBytes(of: &bytes) { raw in
      unsafe getsockname(descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
    }
    return result == 0 ? Int(bytes[2]) << 8 | Int(bytes[3]) : 0
  }

  /// The address at the other end, without its port; nil when the connection is gone already. An IPv4 address that came to a socket of
  /// both families is one.
  static func peer(of descriptor: CInt) -> IPAddress? {
    // 16 or 28 bytes: the family in the first two, in the machine's order; the address from the fifth or the ninth.
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var size: socklen_t = 32
    let result = unsafe withUnsafeMutableBytes(of: &bytes) { raw in
      unsafe getpeername(descriptor, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
    }
    guard result == 0 else { return nil }
    func number(_ first: Int, _ count: Int) -> UInt64 { (first..<first + count).reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
    switch CInt(bytes[0]) {
    case AF_INET: return IPAddress(v4: UInt32(number(4, 4)))
    case AF_INET6: return IPAddress(high: number(8, 8), low: number(16, 8))
    default: return nil
    }
  }

  /// `HOST:PORT`.
  static func text(_ address: SocketAddress) -> String {
    let host = address.ipAddress ?? ""
    return (host.contains(":") ? "[\(host)]" : host) + ":\(address.port ?? 0)"
  }
}
