internal import Glibc

/// What a file was when it was looked at. Two that are equal are the same file with the same content, as far as the file system tells.
package struct FileStamp: Equatable, Sendable {
  /// Zeros for a file that cannot be looked at.
  private var numbers: [Int] = [0, 0, 0, 0, 0]

  /// Follows symbolic links, so that a folder that was exchanged as a whole shows. Blocks.
  package init(path: String) {
    var facts = stat()
    // The pointer is to a local of the right type.
    guard unsafe stat(path, &facts) == 0 else { return }
    numbers = [
      Int(truncatingIfNeeded: facts.st_dev), Int(truncatingIfNeeded: facts.st_ino), Int(facts.st_size),
      Int(facts.st_mtim.tv_sec) &* 1_000_000_000 &+ Int(facts.st_mtim.tv_nsec),
      Int(facts.st_ctim.tv_sec) &* 1_000_000_000 &+ Int(facts.st_ctim.tv_nsec),
    ]
  }
}
