/// How a cell looks, before a terminal's abilities are known.
package struct Style: Hashable, Sendable {
  package var foreground: Colour
  package var background: Colour
  package var attributes: Attributes

  package init(foreground: Colour = .default, background: Colour = .default, attributes: Attributes = []) {
    self.foreground = foreground
    self.background = background
    self.attributes = attributes
  }

  package struct Attributes: OptionSet, Hashable, Sendable {
    package var rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let bold = Attributes(rawValue: 1)
    package static let dim = Attributes(rawValue: 2)
    package static let underline = Attributes(rawValue: 4)
    package static let reverse = Attributes(rawValue: 8)
  }
}

package enum Colour: Hashable, Sendable {
  /// The terminal's own.
  case `default`
  /// 0 to 15, as the terminal's palette has it; above that the fixed colours of xterm's palette, to which a theme is brought for 256 colours.
  case ansi(UInt8)
  case rgb(UInt8, UInt8, UInt8)
}
