internal import PicoConfiguration
internal import PicoCore

/// Header lines for a collector out of a file: one `name: value` a line; empty lines, and those that begin with `#`, are passed over. What is in
/// the file is never repeated, as it is for secrets.
enum CollectorHeaders {
  private static let maximumSize = 16 << 10

  /// Throws `badConfiguration`, naming the file and the line.
  static func read(_ path: String) throws(PicoError) -> [(String, String)] {
    let text: String
    do throws(FileReadError) {
      text = try TextFile.read(path: path, maximumSize: maximumSize)
    } catch {
      throw failure(path, error.reason)
    }
    var headers: [(String, String)] = []
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let line = trim(line)
      guard !line.isEmpty, !line.hasPrefix("#") else { continue }
      guard let header = header(line) else { throw failure(path, "has no header (name: value) in line \(number + 1)") }
      headers.append(header)
    }
    return headers
  }

  private static func failure(_ path: String, _ reason: String) -> PicoError {
    PicoError(.badConfiguration, "tracing.headers-file: \(path) \(reason)", side: .internal)
  }

  /// A token and text that can do no harm (RFC 9110 section 5).
  private static func header(_ line: Substring) -> (String, String)? {
    guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { return nil }
    let (name, value) = (line[..<colon], trim(line[line.index(after: colon)...]))
    let isToken = name.utf8.allSatisfy { EndpointID.isNameByte($0) || "!#$%&'*+^`|".utf8.contains($0) }
    guard isToken, value.utf8.allSatisfy({ $0 == 0x09 || (0x20..<0x7F).contains($0) }) else { return nil }
    return (String(name), String(value))
  }

  private static func trim(_ text: Substring) -> Substring {
    func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
    let start = text.drop(while: isBlank)
    let end = start.lastIndex { !isBlank($0) }.map { start.index(after: $0) } ?? start.startIndex
    return start[..<end]
  }
}
