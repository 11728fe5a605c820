internal import Glibc
internal import PicoCore

/// Why a token file gave no token: one line that names the file.
package struct TokenFileError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }
}

/// Reads a token from a file, without the white space around it.
package enum TokenFile {
  private static let limit = 16 << 10

  package static func read(_ path: String) throws(TokenFileError) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TokenFileError(description: "cannot read the token file \(path): \(SystemErrorText.text(errno))") }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var count = 0
    while count < bytes.count {
      // The kernel writes at most the bytes that are left of the array.
      let read = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(descriptor, buffer.baseAddress.unsafelyUnwrapped + count, buffer.count - count)
      }
      if read < 0 {
        if errno == EINTR { continue }
        throw TokenFileError(description: "cannot read the token file \(path): \(SystemErrorText.text(errno))")
      }
      if read == 0 { break }
      count += read
    }
    guard count <= limit else { throw TokenFileError(description: "the token file \(path) is longer than \(limit) bytes") }
    let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    let text = bytes[..<count].drop(while: isSpace)
    let end = text.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? text.startIndex
    guard end > text.startIndex else { throw TokenFileError(description: "the token file \(path) is empty") }
    return String(decoding: text[..<end], as: UTF8.self)
  }
}
