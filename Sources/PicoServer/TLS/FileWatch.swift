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
