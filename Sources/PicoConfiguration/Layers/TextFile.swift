internal import Glibc
internal import PicoCore

/// Why a file could not be read, in the words of the system.
package struct FileReadError: Error, Sendable, Equatable {
  package let reason: String
}

/// Small files as text, without Foundation.
package enum TextFile {
  /// The whole file. Throws when it cannot be read, is larger than `maximumSize` bytes or is not UTF-8.
  package static func read(path: String, maximumSize: Int) throws(FileReadError) -> String {
    let bytes = try readBytes(path: path, maximumSize: maximumSize)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw FileReadError(reason: "is not UTF-8 text") }
    return text
  }

  /// The whole file, whatever is in it. Throws when it cannot be read or is larger than `maximumSize` bytes.
  package static func readBytes(path: String, maximumSize: Int) throws(FileReadError) -> [UInt8] {
    let descriptor = unsafe path.withCString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw systemError() }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      // read(2) writes at most the size of the buffer that it is given.
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw systemError() }
      if count == 0 { break }
      bytes += chunk[..<count]
      guard bytes.count <= maximumSize else { throw FileReadError(reason: "is larger than \(maximumSize) bytes") }
    }
    return bytes
  }

  private static func systemError() -> FileReadError {
    FileReadError(reason: "cannot be read: \(SystemErrorText.text(errno))")
  }
}
