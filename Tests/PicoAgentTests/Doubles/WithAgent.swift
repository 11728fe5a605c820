import Logging
import PicoCore
import Synchronization
import Testing

@testable import PicoAgent

/// Runs an agent with one listener between a node and a service.
func withAgent(
  isPico: Bool = true, upstream service: Upstream? = nil, readsNothing: Bool = false, _ script: @escaping ScriptedUpstream.Script,
  configure: (inout AgentConfiguration) -> Void = { _ in }, logger: Logger = silent, places: [TestNode.Place] = [],
  _ body: (TestNode, ScriptedUpstream, Agent) async throws -> Void
) async throws {
  let upstream = try await ScriptedUpstream.start(readsNothing: readsNothing, script)
  let node = try await TestNode.start(isPico: isPico)
  node.state.withLock { $0.places = places }
  var configuration = try agentConfiguration(
    node, service ?? .http(HostPort(host: "127.0.0.1", port: upstream.port)))
  configure(&configuration)
  let agent = Agent(configuration: configuration, logger: logger)
  try await agent.start()
  await eventually("the agent connects") { node.sessionCount > 0 && agent.isConnected }
  try await body(node, upstream, agent)
  await agent.shutdown(graceful: false)
  try await node.stop()
  try await upstream.stop()
}

let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

func agentConfiguration(_ node: TestNode, _ upstream: Upstream) throws -> AgentConfiguration {
  var configuration = AgentConfiguration()
  configuration.server.url = BaseURL(isTLS: false, address: HostPort(host: "127.0.0.1", port: node.port))
  configuration.listeners = [ListenerConfiguration(endpoint: try #require(EndpointID("a")), upstream: upstream)]
  return configuration
}
