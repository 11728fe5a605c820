/// A message of the control stream of `pico.v1`; JSON on the wire, 4 bytes of length (big endian) before each. docs/protocol.md lists the fields.
package enum ControlMessage: Equatable, Sendable {
  /// Agent to node, first.
  case hello(Hello)
  /// Agent to node: whether its upstream answers.
  case health(isUp: Bool, reason: String)
  /// Agent to node: no byte of this stream was written to an upstream.
  case notSent(stream: UInt32)
  /// Agent to node: send nothing new; what is open finishes.
  case leaving
  /// Node to agent: open a tunnel elsewhere, then finish and close this one.
  case drain(reconnectAfterMilliseconds: Int)
  /// Node to agent: do not come back for a while.
  case blocked(seconds: Int, reason: String)
  /// A type that this version does not know: ignored and counted.
  case unknown(type: String)

  package struct Hello: Equatable, Sendable {
    package var agentID: String
    package var version: String
    package var weight: Int
    /// Names and values as the agent's operator gave them; at most 2 KiB together.
    package var metadata: [String: String]

    package init(agentID: String, version: String, weight: Int = 1, metadata: [String: String] = [:]) {
      self.agentID = agentID
      self.version = version
      self.weight = weight
      self.metadata = metadata
    }
  }

  package static let maximumLength = 16 << 10
  package static let maximumMetadata = 2 << 10
  package static let maximumReconnectDelay = 60_000
  package static let maximumBlock = 3600
  /// Messages a second that a peer may send.
  package static let maximumRate = 10
}

/// What ends a session because of its control stream.
package enum ControlFault: Error, Equatable, Sendable {
  case tooLong
  case tooMany
  case malformed
}
