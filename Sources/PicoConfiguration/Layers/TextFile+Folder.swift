internal import Glibc

extension TextFile {
  /// The names of a folder in alphabetical order; none when it cannot be read.
  package static func names(inFolder path: String) -> [String] {
    guard let folder = unsafe opendir(path) else { return [] }
    // The folder is open until the end of this function and used by it alone.
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      // An entry is valid until the next call, and its name ends in NUL.
      names.append(
        unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names.sorted()
  }

  package static func exists(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }
}
