/// How texts from anywhere become part of a log line, for both formats, without an intermediate String where they are plain ASCII.
enum LogText {
  /// Appends a JSON string with its quotes (RFC 8259, section 7). What is unsafe to display is escaped too.
  static func appendJSON(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
      case "\\": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
      case "\n": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
      case _ where scalar.isUnsafeToDisplay:
        for unit in UTF16.encode(scalar) ?? .init() {
          bytes += [UInt8(ascii: "\\"), UInt8(ascii: "u")]
          for shift in [12, 8, 4, 0] { bytes.append(Hexadecimal.digit(UInt64(unit) >> UInt64(shift))) }
        }
      default: append(scalar, to: &bytes)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Appends a value of `key=value`: as it is, or in quotes when it is empty or has spaces, quotes, `=` or a backslash.
  static func appendValue(_ text: String, to bytes: inout [UInt8]) {
    guard text.isEmpty || text.utf8.contains(where: needsQuotes) else {
      appendDisplay(text, to: &bytes)
      return
    }
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { bytes.append(UInt8(ascii: "\\")) }
      appendDisplay(scalar, to: &bytes)
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Appends `escapedForDisplay`.
  static func appendDisplay(_ text: String, to bytes: inout [UInt8]) {
    for scalar in text.unicodeScalars { appendDisplay(scalar, to: &bytes) }
  }

  /// Whether a byte is printed as it is inside quotes of both formats.
  static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private static func needsQuotes(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "=")
  }

  private static func appendDisplay(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
    if scalar.isUnsafeToDisplay {
      bytes += "\\u{\(String(scalar.value, radix: 16))}".utf8
    } else {
      append(scalar, to: &bytes)
    }
  }

  private static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
    if scalar.isASCII {
      bytes.append(UInt8(truncatingIfNeeded: scalar.value))
    } else {
      bytes += UTF8.encode(scalar) ?? .init()
    }
  }
}
