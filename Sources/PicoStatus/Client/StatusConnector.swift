internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket
internal import PicoCore
internal import PicoTransport

/// Keeps one WebSocket to an admin port open, on its event loop: connects, waits for the hello, and after each loss tries again.
///
/// ```
/// waiting ──attempt──▶ connecting ──hello──▶ connected
///    ▲                     │                     │
///    └──────── lost ◀──────┴──────────◀──────────┘
/// ```
final class StatusConnector {
  /// For everything until the hello.
  private static let helloTimeout = TimeAmount.seconds(10)

  private let access: StatusAccess
  private let address: AddressConnector
  private let tls: NIOSSLContext?
  private let eventLoop: any EventLoop
  private let deliver: (StatusConnection.Event) -> Void
  private var backoff = Backoff(initial: .milliseconds(250), maximum: .seconds(15))

  /// Counts attempts, so that what a former one still says is not heard.
  private var attempt = 0
  private var channel: (any Channel)?
  private var gate: ReadGate?
  /// The hello's deadline or the next attempt.
  private var timer: Scheduled<Void>?
  private var isConnected = false
  private var isEnded = false

  init(
    access: StatusAccess, address: AddressConnector, tls: NIOSSLContext?, eventLoop: any EventLoop,
    deliver: @escaping (StatusConnection.Event) -> Void
  ) {
    self.access = access
    self.address = address
    self.tls = tls
    self.eventLoop = eventLoop
    self.deliver = deliver
  }

  func start() {
    guard !isEnded else { return }
    attempt += 1
    deliver(.connecting)
    let token: String?
    do throws(StatusFailure) {
      token = try readToken()
    } catch {
      return lost(error)
    }
    let number = attempt
    timer = eventLoop.assumeIsolated().scheduleTask(in: Self.helloTimeout) {
      self.fail(StatusFailure(.unreachable, "no answer in time"), in: number)
    }
    connect(number, token: token)
  }

  private func readToken() throws(StatusFailure) -> String? {
    guard let file = access.tokenFile else { return nil }
    guard access.maySendToken else {
      throw StatusFailure(.configuration, "the token would go unencrypted to \(access.server); use wss://")
    }
    do {
      let token = try TokenFile.read(file)
      guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw StatusFailure(.configuration, "the token file \(file) holds characters that no token has")
      }
      return token
    } catch let error as StatusFailure {
      throw error
    } catch {
      throw StatusFailure(.configuration, "\(error)")
    }
  }

  private func connect(_ number: Int, token: String?) {
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    address.connect(on: eventLoop) { [eventLoop] in
      ClientBootstrap(group: eventLoop).connectTimeout(Self.helloTimeout).channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try own.value.configure(channel, number, token: token) }
      }
    }.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel) where number == self.attempt && !self.isEnded: self.channel = channel
      case .success(let channel): channel.close(promise: nil)
      case .failure(let error): self.fail(StatusFailure(.unreachable, ConnectErrorText.text(error)), in: number)
      }
    }
  }

  private func configure(_ channel: any Channel, _ number: Int, token: String?) throws {
    let pipeline = channel.pipeline.syncOperations
    if let tls { try pipeline.addHandler(TLSContext.handler(tls, host: access.server.address.host)) }
    let gate = ReadGate()
    try pipeline.addHandler(gate)
    let fail: (StatusFailure) -> Void = { self.fail($0, in: number) }
    let asking = StatusUpgradeHandler(authority: access.server.authority, token: token, fail: fail)
    let frames = StatusFrameHandler(gate: gate, receive: { self.receive($0, in: number) }, fail: fail)
    let bound = NIOLoopBound((asking, frames), eventLoop: eventLoop)
    let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: StatusFrameHandler.maximumMessage, automaticErrorHandling: false) {
      channel, _ in
      channel.eventLoop.makeCompletedFuture {
        let (asking, frames) = bound.value
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(
          NIOWebSocketFrameAggregator(
            minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: .max, maxAccumulatedFrameSize: StatusFrameHandler.maximumMessage))
        try pipeline.addHandler(frames)
        pipeline.removeHandler(asking, promise: nil)
      }
    }
    try pipeline.addHTTPClientHandlers(
      leftOverBytesStrategy: .forwardBytes, withClientUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
    try pipeline.addHandler(asking)
    self.gate = gate
  }

  private func receive(_ message: ServerMessage, in number: Int) {
    guard number == attempt, !isEnded else { return }
    if isConnected {
      // What only says hello and leaves is not asked again at once.
      backoff.reset()
    } else {
      guard case .hello = message else {
        return fail(StatusFailure(.notPico, "the server does not begin with a hello"), in: number)
      }
      timer?.cancel()
      isConnected = true
      deliver(.connected)
    }
    deliver(.message(message))
  }

  /// Everything that goes wrong comes here, sometimes more than once.
  private func fail(_ failure: StatusFailure, in number: Int) {
    guard number == attempt, !isEnded else { return }
    lost(failure)
  }

  private func lost(_ failure: StatusFailure) {
    attempt += 1
    hangUp()
    var generator = SystemRandomNumberGenerator()
    let delay = backoff.next(using: &generator)
    deliver(.lost(failure, retry: delay))
    timer = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(delay / .nanoseconds(1)))) { self.start() }
  }

  private func hangUp() {
    timer?.cancel()
    isConnected = false
    gate = nil
    channel?.close(promise: nil)
    channel = nil
  }

  // MARK: From outside

  /// What is sent while there is no connection is lost, as the connection's subscriptions are.
  func send(_ message: ClientMessage) {
    guard isConnected, let channel else { return }
    let frame = WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: ByteBuffer(bytes: message.json))
    channel.writeAndFlush(frame, promise: nil)
  }

  func set(isFull: Bool) { gate?.set(isShut: isFull) }

  func end() {
    isEnded = true
    hangUp()
  }
}
