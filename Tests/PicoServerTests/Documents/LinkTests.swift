import Support
import Testing

/// The pages of README and docs/ lead to each other.
@Suite struct LinkTests {
  private struct Link {
    var page: String
    var target: String
  }

  /// Paths from the package's folder.
  private static func pages() async throws -> [String] {
    let stage = try Stage()
    let found = try await stage.run("find", ["find", "\(Stage.root)/docs", "\(Stage.root)/README.md", "-name", "*.md"]).output
    return found.split(separator: "\n").map { String($0.dropFirst(Stage.root.count + 1)) }.sorted()
  }

  /// Of the text, not of what is quoted as code.
  private static func prose(_ page: String) -> String {
    var isCode = false
    return readFile("\(Stage.root)/\(page)").split(separator: "\n", omittingEmptySubsequences: false).filter { line in
      if line.hasPrefix("```") { isCode.toggle() }
      return !isCode
    }.joined(separator: "\n")
  }

  private static func links(of page: String) -> [Link] {
    prose(page).matches(of: #/\]\(([^)\s]+)\)/#).map { Link(page: page, target: String($0.output.1)) }
      .filter { !$0.target.contains("://") && !$0.target.hasPrefix("mailto:") }
  }

  /// The path that a link leads to, `..` and `.` taken away.
  private static func resolve(_ path: Substring, from page: String) -> String {
    var parts = page.split(separator: "/").dropLast().map(String.init)
    for part in path.split(separator: "/") {
      switch part {
      case ".": break
      case "..": _ = parts.popLast()
      default: parts.append(String(part))
      }
    }
    return parts.joined(separator: "/")
  }

  /// Names that headings are reached by.
  private static func anchors(_ page: String) -> Set<String> {
    Set(
      prose(page).split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
        line.drop { $0 == "#" }.drop { $0 == " " }.lowercased()
          .filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }.replacing(" ", with: "-")
      })
  }

  @Test func `every relative link leads to something, and to a heading that is there`() async throws {
    var count = 0
    let stage = try Stage()
    for link in try await Self.pages().flatMap(Self.links) {
      count += 1
      let parts = link.target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let path = parts[0].isEmpty ? link.page : Self.resolve(parts[0], from: link.page)
      #expect(try await stage.run("test", ["test", "-e", "\(Stage.root)/\(path)"]).code == 0, "\(link.page): \(link.target)")
      if parts.count == 2 { #expect(Self.anchors(path).contains(String(parts[1])), "\(link.page): \(link.target)") }
    }
    #expect(count > 80)
  }

  @Test func `README lists every page of docs, and hosting's own page lists the rest`() async throws {
    let listed = Set(Self.links(of: "README.md").map { Self.resolve($0.target.split(separator: "#")[0], from: "README.md") })
    for page in try await Self.pages() where page != "README.md" {
      let folder = page.split(separator: "/").dropLast().joined(separator: "/")
      #expect(listed.contains(page) || listed.contains(folder) || page.hasPrefix("docs/hosting/"), "\(page)")
    }
    #expect(listed.contains { $0.hasPrefix("docs/hosting") })
  }
}
