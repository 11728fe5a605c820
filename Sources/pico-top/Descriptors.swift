internal import CNcurses
internal import Glibc
internal import PicoCore

/// Wakes a thread that polls. Any thread may ring.
struct WakeDescriptor: Sendable {
  let descriptor: Int32

  init() throws(PicoError) {
    descriptor = pico_wake_descriptor()
    guard descriptor >= 0 else {
      throw PicoError(.internalError, "no descriptor to be woken by: \(SystemErrorText.text(errno))", side: .internal)
    }
  }

  func ring() {
    // A descriptor of this kind takes eight bytes, and never blocks short of 2^64 rings.
    unsafe withUnsafeBytes(of: UInt64(1)) { _ = unsafe write(descriptor, $0.baseAddress, $0.count) }
  }

  func silence() {
    var count: UInt64 = 0
    unsafe withUnsafeMutableBytes(of: &count) { _ = unsafe read(descriptor, $0.baseAddress, $0.count) }
  }
}

/// Signals as something to poll for. They are blocked in this thread and in all that it starts later.
struct SignalDescriptor {
  let descriptor: Int32

  init(_ signals: [Int32]) throws(PicoError) {
    var set = sigset_t()
    // One set, for the length of each call.
    unsafe sigemptyset(&set)
    for signal in signals { unsafe sigaddset(&set, signal) }
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    descriptor = unsafe pico_signal_descriptor(&set)
    guard descriptor >= 0 else {
      throw PicoError(.internalError, "signals cannot be read: \(SystemErrorText.text(errno))", side: .internal)
    }
  }

  /// nil when none waits.
  func next() -> Int32? {
    let signal = pico_signal_read(descriptor)
    return signal == 0 ? nil : signal
  }
}

enum Poll {
  /// Waits until one of the descriptors can be read or has ended, at most that long; nil waits for ever. Gives those that can.
  static func wait(for descriptors: [Int32], atMost limit: Duration?) -> Set<Int32> {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // Rounded up, so that what is due then is due.
    let milliseconds = limit.map { Int32(min(60_000, max(0, ($0 / .milliseconds(1)).rounded(.up)))) } ?? -1
    // The array lives through the call.
    guard unsafe poll(&entries, nfds_t(entries.count), milliseconds) > 0 else { return [] }
    return Set(entries.filter { $0.revents != 0 }.map(\.fd))
  }
}

/// Standard output and standard error, without a buffer.
enum StandardStream {
  /// False when the reader has gone.
  @discardableResult
  static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      // The system reads at most the bytes of the slice, within the call.
      let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
      } else if errno == EAGAIN {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&entry, 1, -1)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }

  @discardableResult
  static func write(_ text: String) -> Bool { write(Array(text.utf8)[...], to: STDOUT_FILENO) }

  /// One line on standard error.
  static func error(_ text: String) { write(Array((text + "\n").utf8)[...], to: STDERR_FILENO) }
}

func environmentVariable(_ name: String) -> String? {
  // The answer lives until the environment changes, and is copied at once.
  unsafe getenv(name).map { unsafe String(cString: $0) }
}
