import Glibc

/// A port of 127.0.0.1 that nobody uses at this moment. Ports are taken from below the range for outgoing connections, where the
/// kernel never puts one by itself, and each is handed out once in this process.
package func freePort() -> Int {
  for _ in 0..<2000 {
    let port = Int.random(in: 10_000..<32_000)
    let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(probe) }
    if unsafe withLoopbackAddress(port, { unsafe bind(probe, $0, $1) }) == 0 { return port }
  }
  return 0
}

/// True if something accepts connections there.
package func accepts(_ port: Int) -> Bool {
  let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  defer { close(probe) }
  return unsafe withLoopbackAddress(port, { unsafe connect(probe, $0, $1) }) == 0
}

private func withLoopbackAddress(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  // sockaddr_in begins with the fields of sockaddr; the length says how far the callee may read.
  return unsafe withUnsafePointer(to: &address) {
    unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
  }
}

/// A client that sends exactly the bytes that it is told to: for what no well-behaved client would send.
package final class LoopbackSocket {
  private let descriptor: Int32
  /// The peer ended the connection by a reset, not by an orderly end.
  package private(set) var wasReset = false

  /// - Parameter receiveBuffer: bytes that the kernel takes while nobody reads, about; nil leaves it to the kernel.
  /// - Throws: `SystemCallFailed` if nobody accepts there.
  package init(port: Int, receiveBuffer: Int32? = nil) throws {
    descriptor = try Self.connect(port, receiveBuffer: receiveBuffer)
  }

  /// A connected descriptor that does not block, the caller's own.
  package static func connect(_ port: Int, receiveBuffer: Int32? = nil) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if var receiveBuffer {
      unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))  // reads one integer
    }
    guard unsafe withLoopbackAddress(port, { unsafe Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let failure = SystemCallFailed(call: "connect to port \(port)")
      close(descriptor)
      throw failure
    }
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    return descriptor
  }

  deinit { close(descriptor) }

  package func send(_ bytes: [UInt8], within seconds: Double = 10) async throws {
    var rest = bytes[...]
    try await eventually("room to send", within: seconds, every: 1) {
      while !rest.isEmpty {
        // The peer may have refused and closed already: then the rest has nowhere to go, and what it answered can be read.
        let count = unsafe rest.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count < 0 { return errno != EAGAIN }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }

  package func send(_ text: String) async throws { try await send(Array(text.utf8)) }

  /// Ends this side's sending; receiving goes on.
  package func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Closes with a reset.
  package func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))  // reads one linger
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  /// Reads until `enough` says so; `closed` tells whether the peer ended the connection, by FIN or reset.
  package func receive(within seconds: Double = 10, until enough: ([UInt8]) -> Bool) async throws -> (bytes: [UInt8], closed: Bool) {
    var bytes: [UInt8] = []
    var closed = false
    var piece = [UInt8](repeating: 0, count: 65536)
    try await eventually("bytes; so far \(String(decoding: bytes.prefix(300), as: UTF8.self))", within: seconds, every: 1) {
      while !closed && !enough(bytes) {
        let count = unsafe piece.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }  // within the array
        if count < 0 && errno == EAGAIN { return false }
        if count < 0 && errno == ECONNRESET { wasReset = true }
        if count <= 0 { closed = true } else { bytes += piece[..<count] }
      }
      return true
    }
    return (bytes, closed)
  }

  /// Everything until the peer closes, as text.
  package func receiveAll(within seconds: Double = 10) async throws -> String {
    String(decoding: try await receive(within: seconds) { _ in false }.bytes, as: UTF8.self)
  }
}
