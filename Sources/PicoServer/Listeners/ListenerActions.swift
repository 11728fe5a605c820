internal import PicoStatus

/// Does what operators ask of the listeners of this node.
struct ListenerActions: Sendable {
  let node: Node
  let loops: NodeLoops

  func perform(_ action: OperatorAction, by: Operator) async -> ActionResult {
    switch action {
    case .disconnect(let disconnect):
      ActionResult(id: disconnect.id, results: disconnect.listeners.map { ListenerResult(listener: $0, ok: false, error: "not-found") })
    case .unblock(let id, _), .drainNode(let id, _):
      ActionResult(id: id, ok: false, error: "not-found")
    }
  }

  func blocks() async -> [BlockRow] { [] }
}
