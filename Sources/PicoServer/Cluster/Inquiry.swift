internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTunnel

/// One message to another node and the answer to it, in a conversation of its own. Confined to the link's loop.
final class Inquiry: ConversationDelegate {
  private var completion: CheckedContinuation<[UInt8]?, Never>?
  private var timer: Scheduled<Void>?

  private init(_ completion: CheckedContinuation<[UInt8]?, Never>) { self.completion = completion }

  /// The answer; nil when none came in time, there is no link, or the other node knows no such topic.
  static func ask(
    _ peer: RemoteNode, _ topic: LinkTopic, _ message: [UInt8], on loops: NodeLoops, within time: Duration
  ) async -> [UInt8]? {
    guard let loop = await loops.first(linkedTo: peer) else { return nil }
    return await withCheckedContinuation { completion in
      loop.eventLoop.execute { Inquiry(completion).begin(peer, topic, message, on: loop.context, within: time) }
    }
  }

  private func begin(_ peer: RemoteNode, _ topic: LinkTopic, _ message: [UInt8], on loop: LoopContext, within time: Duration) {
    guard let conversation = Conversation.begin(topic, with: peer, on: loop, self) else { return finish(nil) }
    timer = loop.resources.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(clamping: time.inNanoseconds))) {
      self.finish(nil)
      conversation.end()
    }
    conversation.say(message)
  }

  private func finish(_ answer: [UInt8]?) {
    timer?.cancel()
    timer = nil
    completion.take()?.resume(returning: answer)
  }

  func conversation(_ conversation: Conversation, didReceive message: ByteBuffer) {
    finish(Array(message.readableBytesView))
    conversation.end()
  }

  func conversationDidEnd(_ conversation: Conversation) { finish(nil) }

  func conversationDidBecomeWritable(_ conversation: Conversation) {}
}

/// The other side of an ``Inquiry``: answers the first message and has nothing more to say. Confined to the link's loop.
final class InquiryAnswer: ConversationDelegate {
  private let loop: LoopContext
  private let answer: @Sendable ([UInt8]) async -> [UInt8]

  init(_ loop: LoopContext, _ answer: @escaping @Sendable ([UInt8]) async -> [UInt8]) {
    self.loop = loop
    self.answer = answer
  }

  func conversation(_ conversation: Conversation, didReceive message: ByteBuffer) {
    let (answer, message) = (answer, Array(message.readableBytesView))
    let bound = NIOLoopBound(conversation, eventLoop: loop.resources.eventLoop)
    loop.resources.eventLoop.makeFutureWithTask { await answer(message) }.whenSuccess { answer in
      bound.value.say(answer)
      bound.value.end()
    }
  }

  func conversationDidEnd(_ conversation: Conversation) {}
  func conversationDidBecomeWritable(_ conversation: Conversation) {}
}

extension NodeLoops {
  /// The first loop that has a link to the node now; nil when none has.
  func first(linkedTo peer: RemoteNode) async -> Loop? {
    for loop in loops {
      let isLinked = try? await loop.eventLoop.submit { peer.link(loop.context.resources)?.tunnel?.isOpen == true }.get()
      if isLinked == true { return loop }
    }
    return nil
  }
}
