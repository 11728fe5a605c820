internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// What this node answers when another one asks or tells it something about actions: one question and its answer, or the turn for as long as the
/// conversation lasts. Confined to the link's loop.
final class ActionPartner: ConversationDelegate {
  private let loop: LoopContext
  private let actions: ListenerActions
  private var ticket: ActionTurn.Ticket?

  init(_ loop: LoopContext, _ actions: ListenerActions) {
    self.loop = loop
    self.actions = actions
  }

  func conversation(_ conversation: Conversation, didReceive message: ByteBuffer) {
    // What cannot be read is not answered, and the other node finds this one silent.
    let question = try? ActionQuestion.read(json: Array(message.readableBytesView), now: loop.resources.now(), wall: .now())
    guard let question else { return conversation.end() }
    let (eventLoop, actions) = (loop.resources.eventLoop, actions)
    let bound = NIOLoopBound(conversation, eventLoop: eventLoop)
    if question == .turn {
      guard ticket == nil else { return }
      ticket = actions.turns.ask { eventLoop.execute { bound.value.say(ActionAnswer(ok: true).json) } }
      return
    }
    eventLoop.makeFutureWithTask { await actions.answer(question) }.whenSuccess { answer in
      bound.value.say(answer.json)
      bound.value.end()
    }
  }

  func conversationDidEnd(_ conversation: Conversation) {
    if let ticket = ticket.take() { actions.turns.giveBack(ticket) }
  }

  func conversationDidBecomeWritable(_ conversation: Conversation) {}
}

extension ListenerActions {
  /// To another node.
  func answer(_ question: ActionQuestion) async -> ActionAnswer {
    switch question {
    case .turn: return ActionAnswer()
    case .known(let action, let scope): return ActionAnswer(result: known(action, scope))
    case .find(let listeners, let scope): return ActionAnswer(listeners: find(listeners, scope))
    case .count(let endpoints, let subjects, let scope): return count(endpoints, subjects, scope)
    case .end(let order): return ActionAnswer(ended: await carryOut(order).ended)
    case .lift(let block, let left, let by, let scope, let asked):
      return lift(block, leftMilliseconds: left, by: by, scope, asked: asked)
    case .drain(let by, let asked): return await drain(by: by, asked: asked)
    case .stays(let other): return stays(whenLeaves: other)
    case .blocks(let records):
      for record in records { await take(record) }
      return ActionAnswer(ok: true)
    }
  }

  /// What the store or another node says of a block.
  func take(_ record: BlockRecord) async {
    if let block = node.blocks.take(record, now: now) { await enforce(block) }
  }
}
