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
    styles[.indexed256] = Self.in256(full.merging(for256) { $1 })
    styles[.indexed16] = Self.in16(full.merging(for16) { $1 })
    styles[.none] = full.reduce(into: [:]) { $0[$1.key] = Style(attributes: $1.value.attributes.union($1.key.attributesWithoutColour)) }
    self.styles = styles
  }

  /// A whole style: a role without a background of its own has that of `bg`. At `.none` only attributes.
  package func style(_ role: Role, depth: ColourDepth) -> Style { styles[depth]?[role] ?? Style() }

  // MARK: Fewer colours

  /// The part of xterm's palette that looks the same everywhere.
  private static let fixed = Array<UInt8>(16...255)
  private static let sixteen = Array<UInt8>(0...15)
  /// Grey as a background leaves no text readable, so it is not among those that are chosen.
  private static let sixteenBackgrounds = sixteen.filter { $0 != 7 && $0 != 8 }

  private static func in256(_ styles: [Role: Style]) -> [Role: Style] {
    styles.reduce(into: [:]) { $0[$1.key] = reduced($1.value, $1.key, to: fixed, backgrounds: fixed) }
  }

  /// With so few colours a background often becomes that of all, and several foregrounds become one. So attributes join in.
  private static func in16(_ styles: [Role: Style]) -> [Role: Style] {
    var reduced: [Role: Style] = [:]
    let background = styles[.background]?.background ?? .default
    for (role, style) in styles {
      var few = self.reduced(style, role, to: sixteen, backgrounds: sixteenBackgrounds)
      let isLost = style.background != background && few.background == self.reduced(background, to: sixteenBackgrounds)
      if isLost || [.warn, .error].contains(role) { few.attributes.formUnion(role.attributesWithoutColour) }
      reduced[role] = few
    }
    return reduced
  }

  /// What is text is kept readable, the rest visible.
  private static func reduced(_ style: Style, _ role: Role, to indices: [UInt8], backgrounds: [UInt8]) -> Style {
    var style = style
    style.background = reduced(style.background, to: backgrounds)
    if case .rgb(let red, let green, let blue) = style.foreground {
      let least = role.isText ? 4.5 : 1.5
      style.foreground = .ansi(RGB(red, green, blue).nearest(in: indices, on: style.background.rgb, contrast: least))
    }
    return style
  }

  private static func reduced(_ colour: Colour, to indices: [UInt8]) -> Colour {
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
