import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import PicoTunnel
import Support
import PicoCore
import Synchronization

/// A client over TLS that sends exactly what it is told to, and tells how the other side ended.
final class TLSClient: Sendable {
  struct Seen: Sendable {
    var bytes: [UInt8] = []
    var isEstablished = false
    var version: TLSVersion?
    var negotiated: String?
    /// Of the node, in DER.
    var certificate: [UInt8]?
    /// The node said that it sent everything.
    var isEnded = false
    var fault: String?
    var isClosed = false

    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  private let channel: any Channel
  private let state: State

  private final class State: Sendable {
    let seen = Locked(Seen())
  }

  /// - Parameters:
  ///   - change: of what it is by default: TLS 1.2 and 1.3, ALPN http/1.1, no certificate of its own.
  init(port: Int, authority: TestAuthority, name: String? = "localhost", _ change: (inout TLSConfiguration) -> Void = { _ in }) async throws
  {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    configuration.trustRoots = .file(authority.file)
    change(&configuration)
    let context = try NIOSSLContext(configuration: configuration)
    let state = State()
    self.state = state
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name), name: EncryptionHandler.name)
          try pipeline.addHandler(Collector(state))
        }
      }.connect(host: "127.0.0.1", port: port).get()
  }

  deinit { channel.close(promise: nil) }

  var seen: Seen { state.seen.withLock { $0 } }

  func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }

  func stopReading() async throws { try await channel.setOption(.autoRead, value: false).get() }

  /// Says that nothing more comes; receiving goes on.
  func finish() async throws { try await channel.close(mode: .output) }

  /// The connection ends at its socket, without a word of TLS.
  func cut() { channel.eventLoop.execute { [channel] in channel.closeAtSocket() } }

  @discardableResult
  func wait(_ what: String, within seconds: Double = 20, _ condition: (Seen) -> Bool) async throws -> Seen {
    try await eventually("\(what); seen \(seen.text.suffix(300)) \(seen.fault ?? "")", within: seconds) { condition(seen) }
    return seen
  }

  /// Sends a GET with these lines besides, and waits for the end of its answer, which has to be `ok`.
  func get(_ lines: String = "") async throws -> String {
    let before = seen.bytes.count
    try await send("GET / HTTP/1.1\r\nHost: e.example\r\n\(lines)\r\n")
    return try await wait("an answer") { $0.bytes.count > before && $0.text.hasSuffix("\r\n\r\nok") }.text
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let state: State

    init(_ state: State) { self.state = state }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = Self.unwrapInboundIn(data)
      state.seen.withLock { $0.bytes += bytes.readableBytesView }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      switch event {
      case TLSUserEvent.handshakeCompleted(let negotiated):
        let version = try? context.pipeline.syncOperations.nioSSL_tlsVersion()
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()?.toDERBytes()
        state.seen.withLock {
          $0.isEstablished = true
          $0.negotiated = negotiated
          $0.version = version
          $0.certificate = certificate
        }
      case ChannelEvent.inputClosed: state.seen.withLock { if $0.fault == nil { $0.isEnded = true } }
      default: break
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      state.seen.withLock { if $0.fault == nil { $0.fault = "\(error)" } }
      if state.seen.withLock({ !$0.isEstablished }) { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { state.seen.withLock { $0.isClosed = true } }
  }
}
