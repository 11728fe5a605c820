internal import Glibc

/// What a file was when it was looked at. Two that are equal are the same file with the same content, as far as the file system tells.
struct FileStamp: Equatable, Sendable {
  /// Zeros for a file that cannot be looked at.
  private var numbers: [Int] = [0, 0, 0, 0, 0]

  /// Follows symbolic links, so that a folder that was exchanged as a whole shows. Blocks.
  init(path: String) {
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

/// Decides when files are read again: once they differ from what was read last and have stayed so for one look, so that a certificate and
/// its key that are written one after the other are read together.
///
/// ```
/// read ──differs──▶ settling ──same again──▶ (read)
///   ▲                │    ▲ │
///   └─as before──────┘    └─┘ differs once more
/// ```
struct FileWatch<Stamps: Equatable> {
  /// Of the files that were read last, whether they could be used or not: what cannot be is not tried twice.
  private var read: Stamps
  private var settling: Stamps?

  init(read: Stamps) { self.read = read }

  /// Whether the files are to be read now. The stamps are from before they are.
  mutating func look(_ stamps: Stamps) -> Bool {
    guard stamps != read else {
      settling = nil
      return false
    }
    guard stamps == settling else {
      settling = stamps
      return false
    }
    take(stamps)
    return true
  }

  /// The files are read now, whatever they are.
  mutating func take(_ stamps: Stamps) {
    read = stamps
    settling = nil
  }
}
