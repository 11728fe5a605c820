internal import Glibc

/// The pages of program code that only the start of the process needed: reading the configuration, building tables of types, loading.
package enum StartupPages {
  /// Takes them out of the process; those that are needed again come back from the page cache when they are.
  ///
  /// Only mappings of files that can be executed and not written are touched: their pages are what the file says, so nothing is lost.
  /// Source: madvise(2), MADV_DONTNEED; proc(5), `/proc/[pid]/maps`.
  package static func release() {
    guard let file = unsafe fopen("/proc/self/maps", "re") else { return }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 4096)
    // The size given is that of the array.
    while unsafe fgets(&line, CInt(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let words = text.split(separator: " ")
      guard words.count >= 6, words[1] == "r-xp", words[5].hasPrefix("/") else { continue }
      let bounds = words[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
      guard bounds.count == 2, bounds[0] < bounds[1], let start = unsafe UnsafeMutableRawPointer(bitPattern: bounds[0]) else { continue }
      // A mapping of this process, from its first page to its last, that nobody can have written to.
      _ = unsafe madvise(start, Int(bounds[1] - bounds[0]), MADV_DONTNEED)
    }
  }
}
