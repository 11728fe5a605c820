import PicoCluster
import PicoCore
import Support

@testable import PicoServer

/// Two nodes of one cluster in this process, with real links between them.
struct RunningPair {
  let one: RunningNode
  let two: RunningNode

  static func with(
    threads: Int = 1, _ change: (inout ServerConfiguration) -> Void = { _ in }, _ body: (RunningPair) async throws -> Void
  ) async throws {
    let directory = try TemporaryDirectory()
    try directory.write("secret", String(repeating: "s3cret-", count: 9))
    let routes = MemoryRoutes()
    let store: Server.StoreMaker = { (node, _) throws(PicoError) -> any RouteStore in MemoryRouteStore(routes, node: node) }
    func configure(_ configuration: inout ServerConfiguration) {
      configuration.cluster.name = "tests"
      configuration.cluster.listen = HostPort(host: "127.0.0.1", port: 0)
      configuration.cluster.secretFile = directory.path("secret")
      change(&configuration)
    }
    try await RunningNode.member(of: store, threads: threads, configure) { one in
      try await RunningNode.member(of: store, threads: threads, configure) { two in
        try await eventually("links") { one.node?.membership?.others == 1 && two.node?.membership?.others == 1 }
        try await body(RunningPair(one: one, two: two))
      }
    }
  }

  /// Waits until a node has heard of the endpoint's listeners.
  static func known(_ endpoint: String, to node: RunningNode) async throws {
    try await eventually("the route") { EndpointID(endpoint).flatMap { node.node?.routes.routes(of: $0) }?.isEmpty == false }
  }
}
