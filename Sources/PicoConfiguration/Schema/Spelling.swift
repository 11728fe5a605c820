/// What somebody may have meant.
enum Spelling {
  /// The name with the fewest edits from `text`, or with the same last word; `nil` when nothing is near.
  static func nearest(to text: String, among names: [String]) -> String? {
    let text = text.lowercased()
    let lastWord = text.split { $0 == "." || $0 == "_" }.last ?? ""
    let limit = max(1, lastWord.utf8.count / 3)
    let distances = names.map { (name: $0, distance: distance(Array(text.utf8), Array($0.lowercased().utf8))) }
    if let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= limit { return best.name }
    let sameEnd = names.filter { $0.hasSuffix("." + text) }
    return sameEnd.count == 1 ? sameEnd[0] : nil
  }

  /// Levenshtein's distance with neighbours exchanged as one edit. Long texts are not compared: they come from outside.
  static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    guard left.count <= 128, right.count <= 128 else { return .max }
    var rows = [Array(0...right.count)]
    for row in 0..<left.count {
      var current = [row + 1]
      for column in 0..<right.count {
        let substitution = rows[row][column] + (left[row] == right[column] ? 0 : 1)
        var best = min(rows[row][column + 1] + 1, current[column] + 1, substitution)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, rows[row - 1][column - 1] + 1)
        }
        current.append(best)
      }
      rows.append(current)
    }
    return rows[left.count][right.count]
  }
}
