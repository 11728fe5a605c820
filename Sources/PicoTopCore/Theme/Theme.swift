internal import PicoCore

/// How each role looks, at each depth of colour. docs/pico-top.md tells how to write one.
package struct Theme: Equatable, Sendable {
  package let name: String
  private let styles: [ColourDepth: [Role: Style]]

  /// Reads the text of a file. `file` is for messages, and its last part without `.theme` is the name.
  package init(parsing text: String, file: String) throws(ThemeError) {
    self = try ThemeParser(file: file).parse(text)
  }

  /// `colours` are as the file says, with those for fewer colours where it says them.
  init(name: String, full: [Role: Style], for256: [Role: Style], for16: [Role: Style]) {
    self.name = name
    var styles: [ColourDepth: [Role: Style]] = [.trueColour: full]
    styles[.indexed256] = Self.reduced(full, overridden: for256, to: 16...255)
    styles[.indexed16] = Self.reduced(full, overridden: for16, to: 0...15)
    styles[.none] = full.reduce(into: [:]) { $0[$1.key] = Style(attributes: $1.value.attributes.union($1.key.attributesWithoutColour)) }
    self.styles = styles
  }

  /// A whole style: a role without a background of its own has that of `bg`. At `.none` only attributes.
  package func style(_ role: Role, depth: ColourDepth) -> Style { styles[depth]?[role] ?? Style() }

  // MARK: Fewer colours

  private static func reduced(_ full: [Role: Style], overridden: [Role: Style], to indices: ClosedRange<UInt8>) -> [Role: Style] {
    var styles: [Role: Style] = [:]
    for (role, style) in full {
      var style = overridden[role] ?? style
      let background = style.background
      style.background = reduced(background, to: indices)
      // What can be read in full colour must be readable here too.
      let limit = role.isText ? 4.5 : 1.5
      if case .rgb(let red, let green, let blue) = style.foreground {
        let index = RGB(red, green, blue).nearest(in: indices, on: style.background.rgb, contrast: limit)
        style.foreground = .ansi(index)
      }
      styles[role] = style
    }
    return styles
  }

  private static func reduced(_ colour: Colour, to indices: ClosedRange<UInt8>) -> Colour {
    guard case .rgb(let red, let green, let blue) = colour else { return colour }
    return .ansi(RGB(red, green, blue).nearest(in: indices))
  }
}

extension Role {
  /// Whether words are drawn in it, which must be readable; the others are lines and dots.
  package var isText: Bool { ![.border, .focusedBorder, .graph].contains(self) }

  /// What tells the role apart where there is no colour.
  var attributesWithoutColour: Style.Attributes {
    switch self {
    case .selectedRow: .reverse
    case .danger: [.reverse, .bold]
    case .header, .title, .key, .error, .focusedBorder, .highLatency: .bold
    case .sortedHeader: [.bold, .underline]
    case .warn: .underline
    case .muted, .stale, .border: .dim
    case .background, .foreground, .ok, .rate, .lowLatency, .graph, .dialog: []
    }
  }
}

/// Why a text is no theme. The description is one escaped line: `my.theme:7: unknown colour "base0G"`.
package struct ThemeError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  init(_ file: String, line: Int? = nil, _ message: String) {
    description = "\(file)\(line.map { ":\($0)" } ?? ""): \(message)".escapedForDisplay
  }
}
