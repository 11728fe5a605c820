import PicoCluster
import PicoCore
import Support

@testable import PicoServer

/// Nodes of one process that know of each other, with real links between them.
enum LinkedNodes {
  /// Starts so many nodes of one cluster, hands them to the body and ends them at once.
  static func with(
    _ count: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }, _ body: ([RunningNode]) async throws -> Void
  ) async throws {
    let directory = try TemporaryDirectory()
    let routes = MemoryRoutes()
    try directory.write("secret", String(repeating: "s3cret-", count: 9))
    try await add(count, [], routes, directory, change, body)
  }

  private static func add(
    _ count: Int, _ nodes: [RunningNode], _ routes: MemoryRoutes, _ directory: TemporaryDirectory,
    _ change: (inout ServerConfiguration) -> Void, _ body: ([RunningNode]) async throws -> Void
  ) async throws {
    guard nodes.count < count else {
      try await eventually("links") { nodes.allSatisfy { $0.node?.membership?.others == count - 1 } }
      return try await body(nodes)
    }
    let store: Server.StoreMaker = { (node, _) throws(PicoError) -> any RouteStore in MemoryRouteStore(routes, node: node) }
    try await RunningNode.member(of: store, threads: 1) {
      $0.cluster.name = "tests"
      $0.cluster.listen = HostPort(host: "127.0.0.1", port: 0)
      $0.cluster.secretFile = directory.path("secret")
      change(&$0)
    } _: {
      try await add(count, nodes + [$0], routes, directory, change, body)
    }
  }
}
