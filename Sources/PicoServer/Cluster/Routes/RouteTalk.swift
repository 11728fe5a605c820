internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoTunnel
internal import Synchronization

/// Two nodes tell each other what they have, first all of it and then what changes, for as long as the one that began cannot rely on the store;
/// or one only asks for an endpoint. Confined to the link's loop.
final class RouteTalk: ConversationDelegate {
  /// Endpoints of a message.
  static let batch = 1000

  private let loop: LoopContext
  private let membership: Membership
  private let peer: NodeID
  private var conversation: Conversation?
  private var isTelling = false
  private var isWritable = true
  /// Of the list of all, what was not said yet.
  private var rest: ArraySlice<EndpointID> = []
  private var isRestSaid = false
  private let changed = Changed()
  /// What the other node has said before its list was whole; nil when it is.
  private var heard: Set<EndpointID>? = []

  /// Endpoints that changed, from any thread.
  private final class Changed: Sendable {
    private let endpoints = Locked<Set<EndpointID>>([])

    /// True for the first one since they were taken.
    func add(_ endpoint: EndpointID) -> Bool {
      endpoints.withLock { endpoints in
        endpoints.insert(endpoint)
        return endpoints.count == 1
      }
    }

    func take(_ count: Int) -> [EndpointID] {
      endpoints.withLock { endpoints in
        let taken = Array(endpoints.prefix(count))
        endpoints.subtract(taken)
        return taken
      }
    }
  }

  init(_ loop: LoopContext, _ membership: Membership, with peer: NodeID) {
    self.loop = loop
    self.membership = membership
    self.peer = peer
  }

  /// Begins to tell; false when there is no link.
  func begin(with node: RemoteNode) -> Bool {
    guard let conversation = Conversation.begin(.routes, with: node, on: loop, self) else { return false }
    self.conversation = conversation
    tell()
    return true
  }

  func end() {
    stop()
    conversation.take()?.end()
  }

  // MARK: Telling

  private func tell() {
    isTelling = true
    let bound = NIOLoopBound(self, eventLoop: loop.resources.eventLoop)
    let (changed, eventLoop) = (changed, loop.resources.eventLoop)
    // Before the list is made, so that nothing falls between the two.
    membership.talkBegan(ObjectIdentifier(self), with: peer) { endpoint in
      if changed.add(endpoint) { eventLoop.execute { bound.value.flush() } }
    }
    rest = loop.node.routes.all.filter { $0.count > 0 }.map(\.endpoint)[...]
    flush()
  }

  private func flush() {
    while isTelling, isWritable, let conversation {
      var endpoints = Array(rest.prefix(Self.batch))
      rest = rest.dropFirst(endpoints.count)
      if endpoints.isEmpty { endpoints = changed.take(Self.batch) }
      var message = RouteMessage()
      for endpoint in endpoints { message.routes[endpoint] = loop.node.routes.routes(of: endpoint)?.count ?? 0 }
      message.isWhole = rest.isEmpty && !isRestSaid
      guard message.isWhole || !endpoints.isEmpty else { return }
      if message.isWhole { isRestSaid = true }
      isWritable = conversation.say(message.json)
    }
  }

  private func stop() {
    guard isTelling else { return }
    isTelling = false
    membership.talkEnded(ObjectIdentifier(self), with: peer)
  }

  // MARK: Hearing

  func conversation(_ conversation: Conversation, didReceive message: ByteBuffer) {
    guard let message = try? RouteMessage(json: Array(message.readableBytesView)) else {
      stop()
      return conversation.end()
    }
    if let endpoint = message.ask {
      conversation.say(RouteMessage(listeners: loop.node.routes.routes(of: endpoint)?.count ?? 0).json)
      return
    }
    if !isTelling {
      self.conversation = conversation
      tell()
    }
    heard?.formUnion(message.routes.keys)
    membership.hear(message.routes, of: peer, allThatItHas: message.isWhole ? heard : nil)
    if message.isWhole { heard = nil }
  }

  func conversationDidEnd(_ conversation: Conversation) {
    self.conversation = nil
    stop()
  }

  func conversationDidBecomeWritable(_ conversation: Conversation) {
    isWritable = true
    flush()
  }
}
