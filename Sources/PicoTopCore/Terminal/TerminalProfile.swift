/// How a terminal is used: decided from its name, what terminfo says of it and the environment.
package struct TerminalProfile: Equatable, Sendable {
  /// What terminfo says of a terminal.
  package struct Abilities: Equatable, Sendable {
    package var colours: Int
    package var erasesBackground: Bool
    package var hasDirectColour: Bool
    package var hasCursorAddressing: Bool

    package init(colours: Int, erasesBackground: Bool = true, hasDirectColour: Bool = false, hasCursorAddressing: Bool = true) {
      self.colours = colours
      self.erasesBackground = erasesBackground
      self.hasDirectColour = hasDirectColour
      self.hasCursorAddressing = hasCursorAddressing
    }
  }

  /// Whose description ncurses gets.
  package enum Entry: Equatable, Sendable { case system, direct, directPlain, indexed256 }

  package let depth: ColourDepth
  package let entry: Entry
  package let isASCII: Bool
  /// It knows the mouse, bracketed paste and the clipboard of xterm.
  package let isLikeXterm: Bool
  /// The bright half of sixteen colours is made by bold.
  package let hasEightColours: Bool

  /// nil when there can be no full screen.
  ///
  /// - Parameter abilities: nil when terminfo does not know the terminal.
  package init?(environment: [String: String], abilities: Abilities?, isUTF8: Bool, wantsASCII: Bool) {
    let name = environment["TERM"] ?? ""
    guard !name.isEmpty, name != "dumb", abilities?.hasCursorAddressing ?? true else { return nil }
    isASCII = wantsASCII || !isUTF8
    isLikeXterm = !["vt", "linux", "ansi", "cons"].contains { name.hasPrefix($0) }
    let colours = abilities?.colours ?? 256
    let takesDirect = ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "") || abilities?.hasDirectColour ?? false
    hasEightColours = colours < 16
    if !(environment["NO_COLOR"] ?? "").isEmpty || colours < 8 {
      depth = .none
      entry = abilities == nil ? .indexed256 : .system
    } else if colours >= 256, takesDirect {
      depth = .trueColour
      entry = abilities?.erasesBackground ?? false ? .direct : .directPlain
    } else if colours >= 256 {
      depth = .indexed256
      entry = abilities == nil ? .indexed256 : .system
    } else {
      depth = .indexed16
      entry = .system
    }
  }
}
