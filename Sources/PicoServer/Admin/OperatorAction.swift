package import PicoStatus

/// What an operator may do to the deployment.
package enum OperatorAction: Equatable, Sendable {
  case disconnect(Disconnect)
  case unblock(id: String, block: String)
  case drainNode(id: String, node: String)
}
