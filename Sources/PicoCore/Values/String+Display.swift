extension Unicode.Scalar {
  /// Whether the scalar could move a cursor, hide or reorder text: C0, DEL, C1, U+2028/9, bidi controls and zero-width characters.
  package var isUnsafeToDisplay: Bool {
    switch value {
    // C0, DEL, C1
    case 0x00...0x1F, 0x7F...0x9F: true
    // Invisible fillers and the Arabic letter mark
    case 0x00AD, 0x034F, 0x061C, 0x115F...0x1160, 0x17B4...0x17B5, 0x180B...0x180F, 0x3164, 0xFFA0: true
    // Zero width, separators, bidi controls
    case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
    // Interlinear annotation, tags and invisible selectors
    case 0xFFF9...0xFFFB, 0xE0000...0xE0FFF: true
    default: false
    }
  }
}

extension StringProtocol {
  /// The text with each scalar that is unsafe to display as `\u{…}`. What comes from outside goes through this before it is printed.
  package var escapedForDisplay: String {
    guard unicodeScalars.contains(where: \.isUnsafeToDisplay) else { return String(self) }
    var text = ""
    for scalar in unicodeScalars {
      if scalar.isUnsafeToDisplay {
        text += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
