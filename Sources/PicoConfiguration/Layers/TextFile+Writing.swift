internal import Glibc
internal import PicoCore

/// Why a file could not be written, in the words of the system.
package struct FileWriteError: Error, Sendable, Equatable {
  package let reason: String

  package init(reason: String) { self.reason = reason }
}

extension TextFile {
  /// Puts a file in place as a whole: a reader sees the old or the new text, never a part. Folders that are missing are made, for the owner
  /// alone, as is the file.
  package static func replace(path: String, with text: String) throws(FileWriteError) {
    makeFolders(above: path)
    let temporary = "\(path).\(getpid()).tmp"
    let descriptor = unsafe temporary.withCString { unsafe open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600) }
    guard descriptor >= 0 else { throw error("cannot be written") }
    var failure: FileWriteError?
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty, failure == nil {
      // write(2) reads at most the bytes of the slice.
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count < 0 { failure = error("cannot be written") } else { rest = rest.dropFirst(count) }
    }
    if failure == nil, fsync(descriptor) != 0 { failure = error("cannot be written") }
    close(descriptor)
    if failure == nil, unsafe rename(temporary, path) != 0 { failure = error("cannot be replaced") }
    if let failure {
      _ = unsafe unlink(temporary)
      throw failure
    }
  }

  /// What cannot be made shows when the file is opened.
  private static func makeFolders(above path: String) {
    var folder = ""
    for part in path.split(separator: "/").dropLast() {
      folder += (folder.isEmpty && !path.hasPrefix("/") ? "" : "/") + part
      _ = unsafe mkdir(folder, 0o700)
    }
  }

  private static func error(_ what: String) -> FileWriteError {
    FileWriteError(reason: "\(what): \(SystemErrorText.text(errno))")
  }
}
