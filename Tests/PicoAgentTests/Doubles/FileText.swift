import Glibc

enum FileText {
  /// Nil when the file cannot be read; at most 64 KiB.
  static func read(_ path: String) -> String? {
    guard let file = unsafe fopen(path, "r") else { return nil }
    // The stream is open until the close below, and the buffer is as long as fread is told.
    defer { unsafe _ = fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// False when the file cannot be written.
  static func write(_ text: String, to path: String) -> Bool {
    guard let file = unsafe fopen(path, "w") else { return false }
    // The stream is open until the close below.
    defer { unsafe _ = fclose(file) }
    return unsafe fputs(text, file) >= 0
  }
}
