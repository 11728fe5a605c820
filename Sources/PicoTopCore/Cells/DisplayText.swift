internal import PicoCore

/// Text from anywhere as a row of cells can bear it: nothing in it moves the cursor, reorders the row or differs in width between terminals.
///
/// Besides what `escapedForDisplay` escapes, `\u{…}` stands for scalars that are written from right to left and for combining marks with
/// nothing before them. Variation selectors and skin tones are dropped, as terminals disagree about how wide they make a grapheme.
package struct DisplayText: Sendable {
  package struct Glyph: Equatable, Sendable {
    package var text: Character
    /// Columns: 1 or 2.
    package var columns: Int
  }

  package private(set) var glyphs: [Glyph] = []
  package private(set) var columns = 0
  /// Not all fitted.
  package private(set) var isCut = false

  /// At most `limit` columns; what is far behind them is not even looked at.
  package init(_ text: some StringProtocol, limit: Int, isASCII: Bool) {
    if text.utf8.count > Self.longestLookedAt {
      // One grapheme may be as long as the text.
      var scalars = String.UnicodeScalarView()
      scalars.append(contentsOf: text.unicodeScalars.prefix(limit * Self.scalarsPerGlyph + 1))
      take(String(scalars), limit: limit, isASCII: isASCII)
      isCut = true
    } else {
      take(text, limit: limit, isASCII: isASCII)
    }
  }

  private static let longestLookedAt = 16_384

  private mutating func take(_ text: some StringProtocol, limit: Int, isASCII: Bool) {
    for character in text {
      guard append(character, limit: limit, isASCII: isASCII) else {
        isCut = true
        break
      }
    }
  }

  /// False when it does not fit.
  private mutating func append(_ character: Character, limit: Int, isASCII: Bool) -> Bool {
    if let byte = character.asciiValue, byte >= 0x20, byte < 0x7F { return append(Glyph(text: character, columns: 1), limit: limit) }
    var kept = String.UnicodeScalarView()
    var width = 0
    for scalar in character.unicodeScalars {
      let columns = DisplayWidth.columns(of: scalar)
      if scalar.isUnsafeToDisplay || DisplayWidth.isRightToLeft(scalar) || isASCII || (kept.isEmpty && columns == 0) {
        guard flush(&kept, &width, limit: limit) else { return false }
        for character in "\\u{\(String(scalar.value, radix: 16))}" {
          guard append(Glyph(text: character, columns: 1), limit: limit) else { return false }
        }
      } else if kept.isEmpty {
        kept.append(scalar)
        width = columns
      } else if DisplayWidth.isDropped(scalar) || kept.count >= Self.scalarsPerGlyph {
        continue
      } else {
        kept.append(scalar)
        // Two regional indicators are one flag.
        if columns == 1 { width = 2 }
      }
    }
    return flush(&kept, &width, limit: limit)
  }

  /// A base and three marks: more only make a row unreadable.
  private static let scalarsPerGlyph = 4

  private mutating func flush(_ kept: inout String.UnicodeScalarView, _ width: inout Int, limit: Int) -> Bool {
    guard !kept.isEmpty else { return true }
    defer {
      kept.removeAll()
      width = 0
    }
    // What one grapheme was may be two without the scalars that were dropped.
    for (index, character) in String(kept).enumerated() {
      guard append(Glyph(text: character, columns: index == 0 ? width : 1), limit: limit) else { return false }
    }
    return true
  }

  private mutating func append(_ glyph: Glyph, limit: Int) -> Bool {
    guard columns + glyph.columns <= limit else { return false }
    glyphs.append(glyph)
    columns += glyph.columns
    return true
  }

  /// Takes glyphs off the front; `columns` are what the others take.
  mutating func drop(first count: Int, columns: Int) {
    glyphs.removeFirst(count)
    self.columns = columns
  }

  /// Takes glyphs off the end until `count` columns are left at most.
  package mutating func cut(toColumns count: Int) {
    while columns > count, let last = glyphs.popLast() { columns -= last.columns }
  }
}

/// How many columns a scalar takes, by the East Asian Width property (Unicode 16, UAX 11) in ranges broad enough to stay short.
package enum DisplayWidth {
  /// 0 for a mark that joins the scalar before it, 2 for a wide one.
  package static func columns(of scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .spacingMark: return 0
    default: break
    }
    switch scalar.value {
    // Hangul vowels and finals join the initial before them.
    case 0x1160...0x11FF, 0xD7B0...0xD7FF: return 0
    // Hangul initials, watches and other emoji among the symbols
    case 0x1100...0x115F, 0x231A...0x231B, 0x2329...0x232A, 0x23E9...0x23EC, 0x23F0, 0x23F3, 0x25FD...0x25FE, 0x2614...0x2615,
      0x2630...0x2637, 0x2648...0x2653, 0x267F, 0x268A...0x268F, 0x2693, 0x26A1, 0x26AA...0x26AB, 0x26BD...0x26BE, 0x26C4...0x26C5,
      0x26CE, 0x26D4, 0x26EA, 0x26F2...0x26F3, 0x26F5, 0x26FA, 0x26FD, 0x2705, 0x270A...0x270B, 0x2728, 0x274C, 0x274E,
      0x2753...0x2755, 0x2757, 0x2795...0x2797, 0x27B0, 0x27BF, 0x2B1B...0x2B1C, 0x2B50, 0x2B55:
      return 2
    // CJK, Yi, Hangul, full width forms
    case 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F,
      0xFF01...0xFF60, 0xFFE0...0xFFE6:
      return 2
    // Tangut, Kana supplements, emoji, the ideographic planes
    case 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1D300...0x1D376, 0x1F004, 0x1F0CF, 0x1F18E, 0x1F191...0x1F19A, 0x1F200...0x1F265,
      0x1F300...0x1F320, 0x1F32D...0x1F335, 0x1F337...0x1F37C, 0x1F37E...0x1F393, 0x1F3A0...0x1F3CA, 0x1F3CF...0x1F3D3,
      0x1F3E0...0x1F3F0, 0x1F3F4, 0x1F3F8...0x1F43E, 0x1F440, 0x1F442...0x1F4FC, 0x1F4FF...0x1F53D, 0x1F54B...0x1F54E,
      0x1F550...0x1F567, 0x1F57A, 0x1F595...0x1F596, 0x1F5A4, 0x1F5FB...0x1F64F, 0x1F680...0x1F6C5, 0x1F6CC, 0x1F6D0...0x1F6D2,
      0x1F6D5...0x1F6D7, 0x1F6DC...0x1F6DF, 0x1F6EB...0x1F6EC, 0x1F6F4...0x1F6FC, 0x1F7E0...0x1F7EB, 0x1F7F0, 0x1F90C...0x1F93A,
      0x1F93C...0x1F945, 0x1F947...0x1F9FF, 0x1FA70...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }

  /// Strong from right to left: Hebrew, Arabic, Syriac, Thaana, N'Ko and what stands in the blocks kept for such scripts.
  package static func isRightToLeft(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0590...0x08FF, 0xFB1D...0xFDFF, 0xFE70...0xFEFE, 0x10800...0x10FFF, 0x1E800...0x1EFFF: true
    default: false
    }
  }

  /// Variation selectors and skin tones.
  static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
    (0xFE00...0xFE0F).contains(scalar.value) || (0x1F3FB...0x1F3FF).contains(scalar.value)
  }

  /// Of a text of our own or one that went through `DisplayText`.
  package static func columns(of text: some StringProtocol) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.reduce(0) { $0 + max(1, $1.unicodeScalars.first.map(columns(of:)) ?? 1) }
  }
}
