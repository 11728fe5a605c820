internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTunnel
internal import Synchronization

/// A conversation for whoever is not on its loop: what the other node says is taken in order by one who iterates, no faster than he takes it,
/// and what is said to it is queued.
final class ConversationLine: ConversationDelegate, Sendable {
  /// Bytes that wait to be taken, above which the other node has to wait.
  private static let maximumUnread = 1 << 20
  /// Bytes that wait for the loop, above which nothing should be added.
  private static let room = 256 << 10

  /// What the other node says, each message whole; ends with the conversation.
  let messages: AsyncStream<[UInt8]>
  private let incoming: AsyncStream<[UInt8]>.Continuation
  private let eventLoop: any EventLoop
  /// The loop's.
  private let conversation: NIOLoopBoundBox<Conversation?>
  private let unread = Atomic<Int>(0)
  private let unsent = Atomic<Int>(0)
  private let isBlocked = Atomic<Bool>(false)
  private let hasEnded = Atomic<Bool>(false)
  private let onRoom: Locked<(@Sendable () -> Void)?> = Locked(nil)

  /// On the loop.
  init(on loop: LoopContext) {
    eventLoop = loop.resources.eventLoop
    conversation = NIOLoopBoundBox(nil, eventLoop: eventLoop)
    (messages, incoming) = AsyncStream.makeStream()
  }

  /// Begins a conversation over the first loop that has a link to the other node now; nil when none has.
  static func begin(_ topic: LinkTopic, with peer: RemoteNode, over loops: NodeLoops) async -> ConversationLine? {
    for loop in loops.loops {
      let line = try? await loop.eventLoop.submit { () -> ConversationLine? in
        let line = ConversationLine(on: loop.context)
        return Conversation.begin(topic, with: peer, on: loop.context, line) == nil ? nil : line
      }.get()
      if let line = line ?? nil { return line }
    }
    return nil
  }

  // MARK: From any thread

  var hasRoom: Bool {
    !hasEnded.load(ordering: .relaxed) && !isBlocked.load(ordering: .relaxed) && waitingBytes < Self.room
  }
  var waitingBytes: Int { unsent.load(ordering: .relaxed) }

  /// Queues a message. Ask ``hasRoom`` first where many follow each other.
  func say(_ json: [UInt8]) {
    unsent.add(json.count, ordering: .relaxed)
    eventLoop.execute { [self] in
      if conversation.value?.say(json) == false { isBlocked.store(true, ordering: .relaxed) }
      let (before, after) = unsent.subtract(json.count, ordering: .relaxed)
      if before >= Self.room, after < Self.room, !isBlocked.load(ordering: .relaxed) { tellRoom() }
    }
  }

  /// Called on the loop when there is room again.
  func notifyRoom(_ body: @escaping @Sendable () -> Void) { onRoom.withLock { $0 = body } }

  private func tellRoom() { onRoom.withLock { $0 }?() }

  /// A message of that many bytes was seen to.
  func took(_ count: Int) {
    let (before, after) = unread.subtract(count, ordering: .relaxed)
    guard before >= Self.maximumUnread, after < Self.maximumUnread else { return }
    eventLoop.execute { [self] in conversation.value?.takesMore = true }
  }

  /// What was said still goes out. Nothing more comes.
  func end() {
    incoming.finish()
    eventLoop.execute { [self] in
      hasEnded.store(true, ordering: .relaxed)
      conversation.value?.end()
      conversation.value = nil
    }
  }

  // MARK: On the loop

  func conversationDidBegin(_ conversation: Conversation) { self.conversation.value = conversation }

  func conversation(_ conversation: Conversation, didReceive message: ByteBuffer) {
    incoming.yield(Array(message.readableBytesView))
    if unread.add(message.readableBytes, ordering: .relaxed).newValue >= Self.maximumUnread { conversation.takesMore = false }
  }

  func conversationDidEnd(_ conversation: Conversation) {
    hasEnded.store(true, ordering: .relaxed)
    self.conversation.value = nil
    incoming.finish()
  }

  func conversationDidBecomeWritable(_ conversation: Conversation) {
    isBlocked.store(false, ordering: .relaxed)
    tellRoom()
  }
}
