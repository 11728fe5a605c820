internal import PicoStatus

/// A node tells of its whole cluster. Of several servers that are nodes of one cluster, one is listened to and the others stand by for it, so
/// that no row is there twice.
extension Fleet {
  /// Of each server that stands by, the one whose rows there are in its place. That is the first of them whose rows are live; a server whose
  /// rows are there stays what it is until another one's are.
  func sources(at now: Duration) -> [Int: Int] {
    let isLive = servers.indices.map { freshness(of: $0, at: now) == .live }
    func rank(_ server: Int) -> Int { isLive[server] ? 0 : servers[server].hello != nil ? 1 : 2 }
    var listened: [Int] = []
    var sources: [Int: Int] = [:]
    for server in servers.indices.sorted(by: { (rank($0), $0) < (rank($1), $1) }) {
      sources[server] = listened.first { isOneCluster($0, server) && (isLive[$0] || servers[server].held.isEmpty) }
      if sources[server] == nil, rank(server) < 2 { listened.append(server) }
    }
    return sources
  }

  /// One of the two has told of the node that the other one is.
  private func isOneCluster(_ one: Int, _ two: Int) -> Bool {
    func tells(_ server: Int, of node: String?) -> Bool {
      node.map { node in servers[server].node == node || nodes[RowKey(server: server, key: node)] != nil } ?? false
    }
    return tells(one, of: servers[two].node) || tells(two, of: servers[one].node)
  }
}
