internal import EtcdClient
internal import PicoCore

/// How things are spelled under a cluster's prefix: `n/NODE`, `r/TENANT/ENDPOINT/NODE`, `b/BLOCK` and `cluster`. The default tenant is `@`,
/// which no tenant's name has in it.
struct ClusterKeys: Sendable, Equatable {
  let prefix: String

  enum Name: Hashable, Sendable {
    case node(NodeID)
    case route(EndpointID, NodeID)
    case block(String)
  }

  /// - Throws: `.badConfiguration` unless the prefix is `/` and names joined by `/`.
  init(prefix: String) throws(PicoError) {
    let parts = prefix.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 2, parts[0].isEmpty, parts.dropFirst().allSatisfy(Self.isName) else {
      throw PicoError(
        .badConfiguration, "cluster.prefix: \(prefix) is not a prefix such as /pico/v1", side: .internal)
    }
    self.prefix = prefix
  }

  /// Begins every key.
  var all: String { "\(prefix)/" }
  /// Holds the cluster's name.
  var cluster: String { "\(prefix)/cluster" }

  func key(_ name: Name) -> String {
    switch name {
    case .node(let node): "\(prefix)/n/\(node.text)"
    case .route(let route, let node): "\(routes(route))\(node.text)"
    case .block(let id): "\(prefix)/b/\(id)"
    }
  }

  /// Begins the keys of one route on all nodes.
  func routes(_ route: EndpointID) -> String {
    "\(prefix)/r/\(route.tenant.isDefault ? "@" : route.tenant.name)/\(route.name)/"
  }

  /// `nil` for a key that is none of ours.
  func name(_ key: String) -> Name? {
    guard key.hasPrefix(all) else { return nil }
    let parts = key.dropFirst(all.count).split(separator: "/", omittingEmptySubsequences: false)
    switch (parts.first, parts.count) {
    case ("n", 2):
      return NodeID(String(parts[1])).map { .node($0) }
    case ("r", 4):
      guard let tenant = parts[1] == "@" ? .default : TenantID(parts[1]), let endpoint = EndpointID(parts[2], of: tenant),
        endpoint.name == parts[2], tenant.isDefault || tenant.name == parts[1], let node = NodeID(String(parts[3]))
      else { return nil }
      return .route(endpoint, node)
    case ("b", 2) where Self.isName(parts[1]):
      return .block(String(parts[1]))
    default:
      return nil
    }
  }

  static func isName(_ text: some StringProtocol) -> Bool {
    (1...EndpointID.maximumLength).contains(text.utf8.count) && text.utf8.allSatisfy(EndpointID.isNameByte)
  }
}

/// A listener count as it is stored: the form's number, a space and the count, `1 12`. What follows after another space is for later
/// versions.
enum ListenerCount {
  static func text(_ count: Int) -> [UInt8] { Array("1 \(count)".utf8) }

  /// `nil` unless it is a count of this form.
  static func read(_ bytes: [UInt8]) -> Int? {
    let parts = bytes.split(separator: 0x20, maxSplits: 2)
    guard parts.count >= 2, parts[0].elementsEqual([0x31]), let count = Int(String(decoding: parts[1], as: UTF8.self)), count > 0
    else { return nil }
    return count
  }
}
