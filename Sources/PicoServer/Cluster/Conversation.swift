internal import NIOCore
internal import PicoCluster
internal import PicoTunnel

/// Who takes part in a conversation, on the loop of its link.
protocol ConversationDelegate: AnyObject {
  /// Before anything else.
  func conversationDidBegin(_ conversation: Conversation)

  /// JSON, whole.
  func conversation(_ conversation: Conversation, didReceive message: ByteBuffer)

  /// The other node has nothing more to say, or is gone. Nothing more is called, and nothing that is said is heard.
  func conversationDidEnd(_ conversation: Conversation)

  /// What was said has gone out, after ``Conversation/say(_:)`` had returned false.
  func conversationDidBecomeWritable(_ conversation: Conversation)
}

extension ConversationDelegate {
  func conversationDidBegin(_ conversation: Conversation) {}
}

/// Messages between two nodes, on one stream of a link. Either side ends it for both. Confined to the link's loop.
final class Conversation: StreamConsumer {
  private var stream: (any ByteStream)?
  private var messages = LinkMessages()
  /// Keeps whoever takes part alive as long as it lasts.
  private var delegate: (any ConversationDelegate)?
  /// False while whoever takes part has enough to do with what came: the other node gets no more room for what it says.
  var takesMore = true {
    didSet {
      guard takesMore, heldBytes > 0 else { return }
      stream?.consumed(heldBytes)
      heldBytes = 0
    }
  }
  private var heldBytes = 0

  /// Begins one with another node; nil when the loop has no link to it now.
  static func begin(_ topic: LinkTopic, with peer: RemoteNode, on loop: LoopContext, _ delegate: any ConversationDelegate)
    -> Conversation?
  {
    let conversation = Conversation(delegate)
    conversation.stream = peer.open(conversation, HopHeader(topic), from: loop.resources)
    guard conversation.stream != nil else { return nil }
    delegate.conversationDidBegin(conversation)
    return conversation
  }

  private init(_ delegate: any ConversationDelegate) { self.delegate = delegate }

  /// Takes one over that another node began.
  convenience init(_ stream: TunnelStream, _ early: ByteBuffer, _ delegate: any ConversationDelegate) {
    self.init(delegate)
    self.stream = stream
    stream.consumer = self
    stream.acknowledge()
    delegate.conversationDidBegin(self)
    if early.readableBytes > 0 { streamDidReceive(early) }
  }

  /// Queues a message; false when the other node is slow and more had better wait until
  /// ``ConversationDelegate/conversationDidBecomeWritable(_:)``.
  @discardableResult func say(_ message: [UInt8]) -> Bool {
    guard let stream else { return true }
    return unsafe LinkMessages.frame(message).withUnsafeBytes { unsafe stream.write($0, end: false) }
  }

  /// What was said still goes out.
  func end() {
    delegate = nil
    guard let stream else { return }
    _ = unsafe stream.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true)
  }

  // MARK: Stream

  func streamDidReceive(_ bytes: ByteBuffer) {
    if takesMore { stream?.consumed(bytes.readableBytes) } else { heldBytes += bytes.readableBytes }
    guard delegate != nil else { return }
    messages.append(bytes)
    do throws(LinkMessages.TooLong) {
      while let delegate, let message = try messages.next() { delegate.conversation(self, didReceive: message) }
    } catch {
      let stream = stream
      finish()
      stream?.reset(.cancelled)
    }
  }

  func streamDidEnd() {
    if delegate != nil { _ = unsafe stream?.write(UnsafeRawBufferPointer(start: nil, count: 0), end: true) }
    finish()
  }

  func streamDidReset(_ code: StreamResetCode, wasAcknowledged: Bool) { finish() }

  func streamDidBecomeWritable() { delegate?.conversationDidBecomeWritable(self) }

  private func finish() {
    stream = nil
    let delegate = delegate.take()
    delegate?.conversationDidEnd(self)
  }
}
