internal import Glibc

/// Where a process tells the supervisor that started it how it is: systemd for a unit of `Type=notify`, or whatever speaks its protocol.
///
/// Each message is one datagram of `NAME=VALUE` lines. Source: sd_notify(3), sd_watchdog_enabled(3); unix(7) for addresses.
package struct SupervisorSocket: Sendable, Equatable {
  /// `sun_path` without the zeros behind it: a path, or in an abstract address a zero and a name.
  let address: [UInt8]
  /// After how long without a sign of life the supervisor takes the process for hung; nil when it does not look.
  package let watchdog: Duration?

  /// The one that the environment names; nil when there is none, so when nobody waits to be told.
  /// - Parameter process: the ID of this process, which a watchdog may be meant for or not.
  /// - Throws: `badConfiguration`, which names the variable: an address of another kind than a socket of this machine, a time that is none.
  package init?(environment: [String: String], process: Int32 = ProcessUsage.ownID) throws(PicoError) {
    guard let name = environment["NOTIFY_SOCKET"], !name.isEmpty else { return nil }
    let bytes = Array(name.utf8)
    let isAbstract = bytes[0] == UInt8(ascii: "@")
    // A path needs a zero behind it, an abstract name does not.
    guard isAbstract || bytes[0] == UInt8(ascii: "/"), bytes.count > 1, bytes.count <= Self.capacity - (isAbstract ? 0 : 1) else {
      throw PicoError(.badConfiguration, "NOTIFY_SOCKET: \"\(name)\" is neither an absolute path nor an abstract address", side: .internal)
    }
    address = isAbstract ? [0] + bytes.dropFirst() : bytes
    watchdog = try Self.watchdog(environment, process)
  }

  private static func watchdog(_ environment: [String: String], _ process: Int32) throws(PicoError) -> Duration? {
    if let wanted = environment["WATCHDOG_PID"], wanted != String(process) { return nil }
    guard let text = environment["WATCHDOG_USEC"] else { return nil }
    guard let time = Int64(text), time > 0 else {
      throw PicoError(.badConfiguration, "WATCHDOG_USEC: \"\(text)\" is not a number of microseconds", side: .internal)
    }
    return .microseconds(time)
  }

  private static let capacity = MemoryLayout.size(ofValue: sockaddr_un().sun_path)

  /// Returns when the supervisor has the message.
  /// - Throws: `unreachable` when nobody is there who takes it.
  package func send(_ lines: [String]) throws(PicoError) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var place = sockaddr_un()
    place.sun_family = sa_family_t(AF_UNIX)
    // `init` has seen to it that the address fits.
    unsafe withUnsafeMutableBytes(of: &place.sun_path) { unsafe $0.copyBytes(from: address) }
    // A path may have zeros behind it; of an abstract name they would be a part.
    let length = MemoryLayout.offset(of: \sockaddr_un.sun_path)! + address.count
    let message = Array(lines.joined(separator: "\n").utf8)
    // sockaddr_un begins with the fields of sockaddr; the lengths say how far the call may read.
    let sent = unsafe withUnsafePointer(to: &place) { place in
      unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        unsafe message.withUnsafeBytes {
          unsafe sendto(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL), place, socklen_t(length))
        }
      }
    }
    guard sent == message.count else {
      throw PicoError(.unreachable, "NOTIFY_SOCKET: \(SystemErrorText.text(errno))", side: .internal)
    }
  }
}

/// What there is to tell.
extension SupervisorSocket {
  /// The process serves. The status is a line for people.
  package func ready(_ status: String) throws(PicoError) { try send(["READY=1", "STATUS=\(status.escapedForDisplay)"]) }

  /// What it does now, for people.
  package func status(_ status: String) throws(PicoError) { try send(["STATUS=\(status.escapedForDisplay)"]) }

  /// It reads its configuration again; `ready` is the end of that.
  package func reloading() throws(PicoError) {
    var now = timespec()
    // By this clock and no other the supervisor tells an answer from an earlier one. The pointer is to a local and lives for the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    try send(["RELOADING=1", "MONOTONIC_USEC=\(Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)"])
  }

  /// It ends, which may take this long: the supervisor waits so long at least, whatever its own limit.
  package func stopping(within time: Duration) throws(PicoError) {
    try send(["STOPPING=1", "STATUS=draining", "EXTEND_TIMEOUT_USEC=\(Int64(time / .microseconds(1)))"])
  }

  package func alive() throws(PicoError) { try send(["WATCHDOG=1"]) }
}
