internal import PicoCore

/// Reads a theme file: `key = value` lines. A key is a colour of the palette (`base00` to `base0F`) or a role, with `.256` or `.16` behind it for
/// fewer colours; a value is `COLOUR [on COLOUR] [bold] [dim] [underline] [reverse]`. The palette may stand below the roles that use it.
struct ThemeParser {
  let file: String

  /// The most bytes of a file.
  static let maximumSize = 64 << 10

  private enum Variant: Hashable { case full, for256, for16 }

  private struct Key: Hashable {
    var role: Role
    var variant: Variant
  }

  private struct Line {
    var number: Int
    var words: [Substring]
  }

  func parse(_ text: String) throws(ThemeError) -> Theme {
    guard text.utf8.count <= Self.maximumSize else { throw ThemeError(file, "is larger than \(Self.maximumSize) bytes") }
    var palette: [String: Colour] = [:]
    var roles: [Key: Line] = [:]
    var places: [Substring: Int] = [:]
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let number = index + 1
      var words = line.split(whereSeparator: \.isWhitespace)
      guard let key = words.first, !key.hasPrefix("#") else { continue }
      // A number sign that stands alone begins a comment; one that does not is a colour.
      if let comment = words.firstIndex(of: "#") { words.removeSubrange(comment...) }
      guard words.count >= 2, words[1] == "=" else { throw ThemeError(file, line: number, "expected \"\(key) = VALUE\"") }
      guard words.count > 2 else { throw ThemeError(file, line: number, "\"\(key)\" has no value") }
      let value = Line(number: number, words: Array(words.dropFirst(2)))
      if let first = places.updateValue(number, forKey: key) {
        throw ThemeError(file, line: number, "\"\(key)\" is given twice (first in line \(first))")
      }
      if let name = Self.paletteName(key) {
        guard value.words.count == 1, let colour = Self.colour(value.words[0]) else {
          throw ThemeError(file, line: number, "\"\(value.words.joined(separator: " "))\" is not a colour (\(Self.colours))")
        }
        palette[name] = colour
      } else if let key = Self.key(key) {
        roles[key] = value
      } else {
        throw ThemeError(file, line: number, "unknown key \"\(key)\"")
      }
    }
    return try theme(palette, roles)
  }

  private func theme(_ palette: [String: Colour], _ roles: [Key: Line]) throws(ThemeError) -> Theme {
    let missing = Role.allCases.filter { roles[Key(role: $0, variant: .full)] == nil }
    guard missing.isEmpty else {
      throw ThemeError(file, "has no \(missing.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))")
    }
    var styles: [Variant: [Role: Style]] = [:]
    for variant in [Variant.full, .for256, .for16] {
      let full = styles[.full] ?? [:]
      let background = try roles[Key(role: .background, variant: variant)].map { (line) throws(ThemeError) in
        try self.background(line, palette)
      }
      let inherited = background ?? full[.background]?.background ?? .default
      for role in Role.allCases where role != .background {
        guard let line = roles[Key(role: role, variant: variant)] else { continue }
        styles[variant, default: [:]][role] = try style(line, palette, inherited: inherited)
      }
      if let background {
        let foreground = styles[variant]?[.foreground]?.foreground ?? full[.foreground]?.foreground ?? .default
        styles[variant, default: [:]][.background] = Style(foreground: foreground, background: background)
        // Roles without a line of their own follow the background of this depth.
        let former = full[.background]?.background
        for (role, style) in full where styles[variant]?[role] == nil && style.background == former {
          styles[variant]?[role] = Style(foreground: style.foreground, background: background, attributes: style.attributes)
        }
      }
    }
    return Theme(name: name, full: styles[.full] ?? [:], for256: styles[.for256] ?? [:], for16: styles[.for16] ?? [:])
  }

  private var name: String {
    let last = file.split(separator: "/").last ?? ""
    return String(last.hasSuffix(".theme") ? last.dropLast(6) : last)
  }

  // MARK: Values

  private func background(_ line: Line, _ palette: [String: Colour]) throws(ThemeError) -> Colour {
    guard line.words.count == 1 else { throw ThemeError(file, line: line.number, "\"bg\" is one colour") }
    return try colour(line.words[0], line, palette)
  }

  private func style(_ line: Line, _ palette: [String: Colour], inherited: Colour) throws(ThemeError) -> Style {
    var style = Style(foreground: try colour(line.words[0], line, palette), background: inherited)
    var rest = line.words.dropFirst()
    if rest.first == "on" {
      guard let word = rest.dropFirst().first else { throw ThemeError(file, line: line.number, "no colour behind \"on\"") }
      style.background = try colour(word, line, palette)
      rest = rest.dropFirst(2)
    }
    for word in rest {
      guard let attribute = Self.attributes[word] else {
        throw ThemeError(file, line: line.number, "unknown word \"\(word)\" (on, bold, dim, underline, reverse)")
      }
      style.attributes.insert(attribute)
    }
    return style
  }

  private static let attributes: [Substring: Style.Attributes] = ["bold": .bold, "dim": .dim, "underline": .underline, "reverse": .reverse]

  private func colour(_ word: Substring, _ line: Line, _ palette: [String: Colour]) throws(ThemeError) -> Colour {
    if let name = Self.paletteName(word) {
      guard let colour = palette[name] else { throw ThemeError(file, line: line.number, "\"\(word)\" is not in the palette") }
      return colour
    }
    guard let colour = Self.colour(word) else {
      throw ThemeError(file, line: line.number, "unknown colour \"\(word)\" (\(Self.colours), baseNN)")
    }
    return colour
  }

  private static let colours = "#rrggbb, ansi:0 to ansi:15, default"

  private static func colour(_ word: Substring) -> Colour? {
    if word == "default" { return .default }
    if word.hasPrefix("ansi:") { return UInt8(word.dropFirst(5)).flatMap { $0 < 16 && word.dropFirst(5).first != "+" ? .ansi($0) : nil } }
    guard word.first == "#", word.utf8.count == 7, word.dropFirst().allSatisfy({ $0.isASCII && $0.isHexDigit }),
      let value = UInt32(word.dropFirst(), radix: 16)
    else { return nil }
    return .rgb(UInt8(value >> 16), UInt8(value >> 8 & 255), UInt8(value & 255))
  }

  /// `base0a` and `base0A` are the same; nil for anything but `base00` to `base0F`.
  private static func paletteName(_ word: Substring) -> String? {
    guard word.hasPrefix("base0"), word.count == 6, let digit = word.last, digit.isASCII, digit.isHexDigit else { return nil }
    return word.lowercased()
  }

  private static func key(_ word: Substring) -> Key? {
    if let role = Role(rawValue: String(word)) { return Key(role: role, variant: .full) }
    for (suffix, variant) in [(".256", Variant.for256), (".16", .for16)] where word.hasSuffix(suffix) {
      return Role(rawValue: String(word.dropLast(suffix.count))).map { Key(role: $0, variant: variant) }
    }
    return nil
  }
}
