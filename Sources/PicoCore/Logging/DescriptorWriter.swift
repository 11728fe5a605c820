internal import Glibc

/// write(2) to a descriptor that may be a file, a pipe or a terminal, and may not take everything.
enum DescriptorWriter {
  /// A pipe that poll(2) calls writable takes at least this much without waiting (PIPE_BUF of Linux).
  static let pipeQuantum = 4096

  /// Writes as much as the descriptor takes. It waits at most `patience` milliseconds for it to become writable, each time. `atOnce` is the
  /// most bytes of one write: `pipeQuantum` unless it is known to be a regular file. `error` is the errno that ended it; `EAGAIN` is a reader
  /// that stood still.
  static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, atOnce: Int, patience: Int32) -> (written: Int, error: Int32) {
    var written = 0
    while written < bytes.count {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      // One pollfd, alive for the call.
      let ready = unsafe poll(&waiting, 1, patience)
      if ready == 0 { return (written, EAGAIN) }
      if ready < 0, errno != EINTR { return (written, errno) }
      if ready < 0 { continue }
      let count = min(bytes.count - written, atOnce)
      // The slice has at least `count` bytes behind `written`, by the line above; write(2) only reads them.
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress.map { unsafe $0 + written }, count)
      }
      if result < 0, errno == EINTR { continue }
      if result < 0 { return (written, errno) }
      written += result
    }
    return (written, 0)
  }

  /// Whether the descriptor is a regular file, which never makes a writer wait for a reader.
  static func isRegularFile(_ descriptor: Int32) -> Bool {
    var status = stat()
    // One stat, alive for the call.
    return unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// The words of the system for an errno, and ours for a reader that stands still.
  static func text(of error: Int32) -> String {
    guard error != EAGAIN else { return "Nobody reads it" }
    return SystemErrorText.text(error)
  }
}
