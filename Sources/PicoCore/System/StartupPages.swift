internal import Glibc

/// The pages of a program's files that only the start of the process needed: code that reads the configuration, and the tables of types that
/// it is looked up in.
package enum StartupPages {
  /// Takes them out of the process; those that are needed again come back from the page cache when they are.
  ///
  /// Only mappings of files that cannot be written, and of which no page ever was, are touched: their pages are what the file says, so nothing
  /// is lost. What the loader has relocated is not among them, though it cannot be written any more: it counts as anonymous.
  /// Source: madvise(2), MADV_DONTNEED; proc(5), `/proc/[pid]/smaps`.
  package static func release() {
    guard let file = unsafe fopen("/proc/self/smaps", "re") else { return }
    defer { unsafe fclose(file) }
    var mapping: (start: UInt, end: UInt)?
    var line = [CChar](repeating: 0, count: 4096)
    // The size given is that of the array.
    while unsafe fgets(&line, CInt(line.count), file) != nil {
      let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
      if words[0].hasSuffix(":") {
        guard words[0] == "Anonymous:" else { continue }
        if let mapping, words[1] == "0" { release(mapping.start, mapping.end) }
        mapping = nil
      } else {
        mapping = fileMapping(words)
      }
    }
  }

  /// The bounds of a mapping by its first line, if it is one of a file that cannot be written.
  private static func fileMapping(_ words: [Substring]) -> (start: UInt, end: UInt)? {
    guard words.count >= 6, words[1] == "r-xp" || words[1] == "r--p", words[5].hasPrefix("/") else { return nil }
    let bounds = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    return bounds.count == 2 && bounds[0] < bounds[1] ? (bounds[0], bounds[1]) : nil
  }

  private static func release(_ start: UInt, _ end: UInt) {
    guard let first = unsafe UnsafeMutableRawPointer(bitPattern: start) else { return }
    // A mapping of this process, from its first page to its last, that nobody has written to.
    _ = unsafe madvise(first, Int(end - start), MADV_DONTNEED)
  }
}
