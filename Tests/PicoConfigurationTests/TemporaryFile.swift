import FoundationEssentials

/// Runs the body with the path of a file of this text, and puts `FILE` for the path in what it returns.
func withFile(_ text: String, _ body: (String) throws -> String) throws -> String {
  let path = FileManager.default.temporaryDirectory.appending(path: "pico-\(UUID().uuidString).yaml").path
  try text.write(toFile: path, atomically: false, encoding: .utf8)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path).replacing(path, with: "FILE")
}

extension String {
  fileprivate func replacing(_ text: String, with other: String) -> String {
    var result = ""
    var rest = Substring(self)
    while !rest.isEmpty {
      if rest.hasPrefix(text) {
        result += other
        rest = rest.dropFirst(text.count)
      } else {
        result.append(rest.removeFirst())
      }
    }
    return result
  }
}
