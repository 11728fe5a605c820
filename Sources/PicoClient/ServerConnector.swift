package import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
package import PicoCore
internal import PicoTransport
internal import PicoTunnel

/// Opens WebSockets to one server: connects, perhaps through a proxy, shakes hands and puts a handler of the caller's on the channel.
package struct ServerConnector: Sendable {
  private let access: ServerAccess
  /// Of the proxy, if there is one.
  private let address: AddressConnector
  private let tls: ClientTLS?

  static let connectTimeout = TimeAmount.seconds(5)
  static let handshakeTimeout = TimeAmount.seconds(10)

  /// Reads the certificates and authorities, which are read again when they change; the token file must be readable at the start, later it
  /// may vanish for a while.
  /// - Parameter logger: told of files that changed and cannot be used.
  /// - Throws: `badConfiguration` that names the key.
  package init(_ access: ServerAccess, logger: Logger?) throws(PicoError) {
    self.access = access
    do {
      address = try AddressConnector(access.proxy?.address ?? access.server.address)
    } catch {
      let place = access.proxy.map { "server.http-proxy: \($0)" } ?? "server.url: \(access.server)"
      throw PicoError(.badConfiguration, "\(place) cannot be connected to", side: .internal, cause: error)
    }
    tls =
      access.server.isTLS
      ? try ClientTLS(caFile: access.caFile, key: "server.tls.ca", credentials: access.credentials) { error in
        logger?.warning("new certificates cannot be used, the former ones stay", metadata: ["reason": "\(error)"])
      } : nil
    if let file = access.tokenFile {
      do {
        _ = try TokenFile.read(file)
      } catch {
        throw PicoError(.badConfiguration, "server.token-file: \(error)", side: .internal)
      }
    }
  }

  /// Runs on the event loop, and calls `completion` there once. With a success it is called before anything that came on it is looked at.
  /// - Parameters:
  ///   - fields: more of the request.
  ///   - turn: which of the server's addresses is tried first; nil is as the system says.
  ///   - makeSuccessor: told what the server's answer says.
  func connect<Successor: HandshakeSuccessor>(
    path: String, subprotocol: String?, agentID: String?, fields: [(String, String)] = [], on eventLoop: any EventLoop,
    turn: AddressTurn? = nil,
    makeSuccessor: @escaping (ServerAnswer) -> Successor,
    completion: @escaping (Result<Successor, ConnectFailure>) -> Void
  ) {
    var request = WebSocketRequest(
      authority: access.server.authority, path: path, key: WebSocketHandshake.makeKey(), subprotocol: subprotocol,
      agentID: agentID)
    request.fields = fields
    do throws(ConnectFailure) {
      request.token = try token()
    } catch {
      return completion(.failure(error))
    }
    guard let bytes = request.encoded() else {
      return completion(.failure(.token("the token file holds characters that no token has")))
    }
    let attempt = Attempt(request: request, bytes: bytes, makeSuccessor: makeSuccessor, completion: completion)
    let bound = NIOLoopBound(attempt, eventLoop: eventLoop)
    let (tls, serverName) = (tls?.context(), access.serverName ?? access.server.address.host)
    let (proxy, target) = (access.proxy, access.server.address)
    address.connect(on: eventLoop, turn: turn) {
      ClientBootstrap(group: eventLoop)
        .connectTimeout(Self.connectTimeout)
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelOption(.tcpOption(.init(rawValue: Self.tcpNotSentLowWater)), value: 128 << 10)
        .channelOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            if let proxy {
              try channel.pipeline.syncOperations.addHandler(ProxyConnectHandler(proxy, target: target, timeout: Self.handshakeTimeout))
            }
            if let tls {
              try channel.pipeline.syncOperations.addHandler(TLSContext.handler(tls, host: serverName), name: EncryptionHandler.name)
              try channel.pipeline.syncOperations.addHandler(TLSFaultHandler())
            }
            try channel.pipeline.syncOperations.addHandler(HandshakeHandler(bound.value))
          }
        }
    }.assumeIsolated().whenFailure { error in
      if let proxy { return attempt.finish(.failure(.proxy(.unreachable(proxy, error)))) }
      attempt.finish(.failure(ConnectErrorText.isTimeout(error) ? .timeout : .unreachable(ConnectErrorText.text(error))))
    }
  }

  /// TCP_NOTSENT_LOWAT of Linux: what waits unsent stays with us, where small streams can still overtake it.
  private static let tcpNotSentLowWater: CInt = 25

  private func token() throws(ConnectFailure) -> String? {
    guard let file = access.tokenFile else { return nil }
    if let witness = access.plaintextWitness, !access.allowsPlaintextToken { throw .token("the token would go unencrypted to \(witness)") }
    do {
      return try TokenFile.read(file)
    } catch {
      throw .token(error.description)
    }
  }
}

/// What a server says with its 101.
struct ServerAnswer: Equatable, Sendable {
  /// It agreed to the subprotocol.
  var isPico = false
  /// The node that answered, and how many of them take listeners; nil where the answer does not say.
  var place: NodePlace?
}

/// What takes the channel over once the handshake is done.
protocol HandshakeSuccessor: ChannelHandler {
  /// What came right behind the answer.
  func receive(_ buffer: ByteBuffer)
}

extension TunnelHandler: HandshakeSuccessor {}

/// One attempt to open a WebSocket, on its loop.
final class Attempt<Successor: HandshakeSuccessor> {
  let request: WebSocketRequest
  let bytes: [UInt8]
  let makeSuccessor: (ServerAnswer) -> Successor
  private var completion: ((Result<Successor, ConnectFailure>) -> Void)?

  init(
    request: WebSocketRequest, bytes: [UInt8], makeSuccessor: @escaping (ServerAnswer) -> Successor,
    completion: @escaping (Result<Successor, ConnectFailure>) -> Void
  ) {
    self.request = request
    self.bytes = bytes
    self.makeSuccessor = makeSuccessor
    self.completion = completion
  }

  var isFinished: Bool { completion == nil }

  func finish(_ result: Result<Successor, ConnectFailure>) {
    let completion = completion.take()
    completion?(result)
  }
}
