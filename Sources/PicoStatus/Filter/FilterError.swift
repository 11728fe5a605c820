internal import PicoCore

/// Why a text is no filter. The message names what is wrong, where, and what would be right.
package struct FilterError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One escaped line; places in it count from 1.
  package var message: String
  /// In characters from 0: where the text goes wrong.
  package var offset: Int

  package var description: String { message }

  init(_ message: String, at offset: Int, hint: String = "") {
    self.message = "\(message) at \(offset + 1)\(hint)"
    self.offset = offset
  }

  static func unknownName(_ name: String, at offset: Int, names: [String]) -> FilterError {
    FilterError(
      "unknown name \"\(name.escapedForDisplay)\"", at: offset, hint: "; names are \(names.joined(separator: " "))")
  }
}
