internal import PicoCore
internal import Yams

/// A YAML file as a tree of nodes that know their lines. The only place that knows YAML.
enum ConfigurationFile {
  /// The most bytes of a file; more is a mistake.
  static let maximumSize = 4 << 20
  /// The most values, those of an alias counted wherever it stands: a few lines of aliases of aliases are more than any memory holds.
  static let maximumValues = 100_000

  /// Throws one problem with file and line.
  static func read(path: String) throws(ConfigurationError) -> ConfigurationNode {
    let text: String
    do throws(FileReadError) {
      text = try TextFile.read(path: path, maximumSize: maximumSize)
    } catch {
      throw ConfigurationError("\(path): \(error.reason)", isUsage: false)
    }
    return try parse(text, path: path)
  }

  static func parse(_ text: String, path: String) throws(ConfigurationError) -> ConfigurationNode {
    do {
      guard let root = try Yams.compose(yaml: text) else { return ConfigurationNode(.nothing, .file(path: path, line: 1)) }
      var left = maximumValues
      let tree = node(root, path: path, left: &left)
      guard left >= 0 else { throw ConfigurationError("\(path): holds more than \(maximumValues) values", isUsage: false) }
      return tree
    } catch let error as ConfigurationError {
      throw error
    } catch let error as YamlError {
      throw problem(error, path: path)
    } catch {
      throw ConfigurationError("\(path): \(error)", isUsage: false)
    }
  }

  /// Nothing below a value for which there was no room: `left` is negative then.
  private static func node(_ node: Node, path: String, left: inout Int) -> ConfigurationNode {
    let place = Provenance.file(path: path, line: node.mark?.line ?? 1)
    left -= 1
    guard left >= 0 else { return ConfigurationNode(.nothing, place) }
    switch node {
    case .scalar(let scalar):
      let isNothing = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
      return ConfigurationNode(isNothing ? .nothing : .scalar(scalar.string), place)
    case .sequence(let sequence):
      return ConfigurationNode(.list(sequence.map { self.node($0, path: path, left: &left) }), place)
    case .mapping(let mapping):
      let entries = mapping.map { key, value in
        ConfigurationNode.Entry(
          key: key.scalar?.string ?? "?", provenance: .file(path: path, line: key.mark?.line ?? 1),
          value: self.node(value, path: path, left: &left))
      }
      return ConfigurationNode(.mapping(entries), place)
    case .alias:
      // The parser has put the anchor's node in its place; this is left for trees built by hand.
      return ConfigurationNode(.nothing, place)
    }
  }

  private static func problem(_ error: YamlError, path: String) -> ConfigurationError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
      return ConfigurationError("not YAML: \(problem)", at: .file(path: path, line: mark.line), isUsage: false)
    case .reader(let problem, let offset, _, let yaml):
      let line = yaml.utf8.prefix(offset ?? 0).reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
      return ConfigurationError("not YAML: \(problem)", at: .file(path: path, line: line), isUsage: false)
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.sorted().joined(separator: ", ")
      return ConfigurationError("\(names): is given again further down", at: .file(path: path, line: context.mark.line), isUsage: false)
    default:
      return ConfigurationError("\(path): not YAML: \(error)", isUsage: false)
    }
  }
}
