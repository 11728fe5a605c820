package import NIOCore
internal import NIOSSL
package import PicoCore
internal import PicoTransport
internal import Synchronization

/// A connection to an admin port's status WebSocket that never gives up: after a loss it comes back, at first within 0.25 s, at last within 15.
///
/// Events wait until ``take()``; while more than a few messages wait, nothing more is read from the socket, and the server puts changes
/// together instead.
package final class StatusConnection: Sendable {
  package enum Event: Equatable, Sendable {
    case connecting
    /// The hello came; it is the message that follows.
    case connected
    case lost(StatusFailure, retry: Duration)
    case message(ServerMessage)
  }

  private struct Inbox {
    var events: [Event] = []
    var messages = 0
    /// Nobody looks any more.
    var isEnded = false
  }

  private static let fewMessages = 4

  private let eventLoop: any EventLoop
  private let connector: NIOLoopBoundBox<StatusConnector?>
  private let inbox = Mutex(Inbox())
  private let isReady: @Sendable () -> Void

  /// Throws for an address or for TLS files that cannot be used; a server that is not there is no error.
  ///
  /// - Parameter isReady: called on the event loop when events wait where none did. It must not block.
  package init(_ access: StatusAccess, on eventLoop: any EventLoop, isReady: @escaping @Sendable () -> Void) throws(PicoError) {
    let address: AddressConnector
    do {
      address = try AddressConnector(access.server.address)
    } catch {
      throw PicoError(.badConfiguration, "\(access.server) cannot be connected to", side: .internal, cause: error)
    }
    let tls = access.server.isTLS ? try TLSContext.make(caFile: access.caFile, key: "--ca", credentials: access.credentials) : nil
    self.eventLoop = eventLoop
    self.isReady = isReady
    connector = .makeEmptyBox(valueType: StatusConnector.self, eventLoop: eventLoop)
    eventLoop.execute { [connector] in
      let made = StatusConnector(access: access, address: address, tls: tls, eventLoop: eventLoop) { [weak self] in self?.add($0) }
      connector.value = made
      made.start()
    }
  }

  private func add(_ event: Event) {
    let (wasEmpty, isFull) = inbox.withLock { inbox in
      guard !inbox.isEnded else { return (false, true) }
      defer { inbox.events.append(event) }
      if case .message = event { inbox.messages += 1 }
      return (inbox.events.isEmpty, inbox.messages > Self.fewMessages)
    }
    if isFull { connector.value?.set(isFull: true) }
    if wasEmpty { isReady() }
  }

  /// What happened since the last call, in order. From any thread.
  package func take() -> [Event] {
    let (events, wasFull) = inbox.withLock { inbox in
      let (events, wasFull) = (inbox.events, inbox.messages > Self.fewMessages)
      inbox.events = []
      inbox.messages = 0
      return (events, wasFull)
    }
    if wasFull { onLoop { $0.set(isFull: false) } }
    return events
  }

  /// Lost when there is no connection; after ``Event/connected`` everything is to be asked for anew.
  package func send(_ message: ClientMessage) { onLoop { $0.send(message) } }

  /// Nothing comes any more.
  package func end() {
    inbox.withLock { $0.isEnded = true }
    onLoop { $0.end() }
  }

  private func onLoop(_ body: @escaping @Sendable (StatusConnector) -> Void) {
    eventLoop.execute { [connector] in
      if let connector = connector.value { body(connector) }
    }
  }
}
