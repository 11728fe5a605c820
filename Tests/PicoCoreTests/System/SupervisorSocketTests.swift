import Glibc
import Testing

@testable import PicoCore

@Suite struct SupervisorSocketTests {
  @Test(arguments: ["/tmp/pico-supervisor-\(getpid())", "@pico-supervisor-\(getpid())"])
  func `messages reach a path and an abstract address`(_ name: String) throws {
    let supervisor = try DatagramReceiver(name)
    let socket = try #require(try SupervisorSocket(environment: ["NOTIFY_SOCKET": name]))
    try socket.ready("requests on http://localhost:8080")
    #expect(supervisor.receive() == "READY=1\nSTATUS=requests on http://localhost:8080")
    try socket.status("two\nlines")
    #expect(supervisor.receive() == "STATUS=two\\u{a}lines")
    try socket.stopping(within: .seconds(85))
    #expect(supervisor.receive() == "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=85000000")
    try socket.alive()
    #expect(supervisor.receive() == "WATCHDOG=1")
  }

  @Test func `a reload says when it began, by the clock that stands still in sleep`() throws {
    let name = "@pico-reload-\(getpid())"
    let supervisor = try DatagramReceiver(name)
    let before = monotonicMicroseconds()
    try #require(try SupervisorSocket(environment: ["NOTIFY_SOCKET": name])).reloading()
    let message = try #require(supervisor.receive().wholeMatch(of: /RELOADING=1\nMONOTONIC_USEC=(\d+)/))
    let time = try #require(Int64(message.1))
    #expect(time >= before && time <= monotonicMicroseconds())
  }

  @Test func `without a supervisor there is no socket`() throws {
    #expect(try SupervisorSocket(environment: [:]) == nil)
    #expect(try SupervisorSocket(environment: ["NOTIFY_SOCKET": "", "WATCHDOG_USEC": "1000"]) == nil)
  }

  @Test func `a watchdog counts for the process that it names, or for any`() throws {
    func watchdog(_ variables: [String: String]) throws -> Duration? {
      try SupervisorSocket(environment: variables.merging(["NOTIFY_SOCKET": "/run/notify"]) { $1 }, process: 42)?.watchdog
    }
    #expect(try watchdog([:]) == nil)
    #expect(try watchdog(["WATCHDOG_USEC": "30000000"]) == .seconds(30))
    #expect(try watchdog(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"]) == .seconds(30))
    #expect(try watchdog(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"]) == nil)
  }

  @Test(arguments: [
    (["NOTIFY_SOCKET": "vsock:2:1234"], "NOTIFY_SOCKET: \"vsock:2:1234\" is neither an absolute path nor an abstract address"),
    (["NOTIFY_SOCKET": "@"], "NOTIFY_SOCKET: \"@\" is neither an absolute path nor an abstract address"),
    (["NOTIFY_SOCKET": "/run", "WATCHDOG_USEC": "0"], "WATCHDOG_USEC: \"0\" is not a number of microseconds"),
    (["NOTIFY_SOCKET": "/run", "WATCHDOG_USEC": "30s"], "WATCHDOG_USEC: \"30s\" is not a number of microseconds"),
  ])
  func `what cannot be meant ends the start`(_ variables: [String: String], _ line: String) {
    let error = #expect(throws: PicoError.self) { try SupervisorSocket(environment: variables) }
    #expect(error?.description == line && error?.exit == .configuration)
  }

  @Test func `an address has room for 107 characters of a path and 108 of an abstract name`() throws {
    func fits(_ first: String, _ count: Int) -> Bool {
      (try? SupervisorSocket(environment: ["NOTIFY_SOCKET": first + String(repeating: "a", count: count - 1)])) != nil
    }
    #expect(fits("/", 107) && !fits("/", 108))
    #expect(fits("@", 108) && !fits("@", 109))
    let name = "@" + String(repeating: "b", count: 107)
    let supervisor = try DatagramReceiver(name)
    try #require(try SupervisorSocket(environment: ["NOTIFY_SOCKET": name])).alive()
    #expect(supervisor.receive() == "WATCHDOG=1")
  }

  @Test func `nobody there is an error`() throws {
    let socket = try #require(try SupervisorSocket(environment: ["NOTIFY_SOCKET": "/nonexistent/notify"]))
    let error = #expect(throws: PicoError.self) { try socket.alive() }
    #expect(error?.code == .unreachable && error?.message.hasPrefix("NOTIFY_SOCKET: No such file") == true)
  }
}

private func monotonicMicroseconds() -> Int64 {
  var now = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &now)
  return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
}

/// Takes datagrams where a supervisor would.
private final class DatagramReceiver {
  private let descriptor: Int32
  private let name: String

  /// - Parameter name: a path, or an abstract name behind an at sign.
  init(_ name: String) throws {
    self.name = name
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var place = sockaddr_un()
    place.sun_family = sa_family_t(AF_UNIX)
    let isAbstract = name.hasPrefix("@")
    let bytes = isAbstract ? [0] + Array(name.utf8.dropFirst()) : Array(name.utf8)
    unsafe withUnsafeMutableBytes(of: &place.sun_path) { unsafe $0.copyBytes(from: bytes) }  // at most 108 in these tests
    let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
    if !isAbstract { unsafe unlink(name) }
    // sockaddr_un begins with the fields of sockaddr; the length says how far the call may read.
    let bound = unsafe withUnsafePointer(to: &place) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, length) }
    }
    try #require(bound == 0, "bind \(name): errno \(errno)")
  }

  deinit {
    close(descriptor)
    if !name.hasPrefix("@") { unsafe unlink(name) }
  }

  /// The next message; empty when there is none.
  func receive() -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // Writes at most the array.
    let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}
