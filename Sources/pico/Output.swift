internal import Glibc

/// Standard output and standard error without a buffer, so that a line is there when it was written, whatever reads it.
enum Output {
  /// What a write to standard output that fails is ignored for: its reader has gone, as in `pico status | head`.
  static func write(_ text: String) {
    write(Array(text.utf8), to: STDOUT_FILENO)
  }

  static func write(_ bytes: [UInt8]) {
    write(bytes, to: STDOUT_FILENO)
  }

  /// A line on standard output.
  static func line(_ text: String) {
    write(text + "\n")
  }

  /// A line on standard error. The text is escaped already.
  static func error(_ text: String) {
    write(Array((text + "\n").utf8), to: STDERR_FILENO)
  }

  /// Text on standard error without a line end.
  static func progress(_ text: String) {
    write(Array(text.utf8), to: STDERR_FILENO)
  }

  /// Whether somebody may be asked.
  static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }

  static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      // The system reads at most the bytes of the slice, within the call.
      let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
      } else if errno != EINTR {
        return
      }
    }
  }
}
