/// How many colours a terminal shows.
package enum ColourDepth: CaseIterable, Sendable {
  case trueColour
  /// The palette of xterm: its first 16 are the terminal's own, the rest is fixed.
  case indexed256
  /// The terminal's own 16 alone.
  case indexed16
  /// No colour; attributes tell things apart.
  case none
}
