import NIOCore
import NIOPosix
import NIOSSL
import PicoCore
import PicoTransport
import PicoTunnel
import Testing

@testable import PicoAgent
@testable import PicoClient

@Suite(.timeLimit(.minutes(2)))
struct ProxiedTunnelTests {
  private static let server = HostPort(host: "pico.test", port: 8443)

  private func agent(
    _ proxy: Int, userInformation: String = "", service: Int = 1, authority: String? = nil
  ) throws -> Agent {
    var configuration = AgentConfiguration()
    configuration.server.url = BaseURL(isTLS: authority != nil, address: Self.server)
    configuration.server.httpProxy = .proxy(try HTTPProxy(text: "http://\(userInformation)127.0.0.1:\(proxy)"))
    configuration.server.tls.ca = authority
    configuration.server.tls.serverName = authority.map { _ in "service.test" }
    configuration.listeners = [
      ListenerConfiguration(endpoint: try #require(EndpointID("a")), upstream: .http(HostPort(host: "127.0.0.1", port: service)))
    ]
    return Agent(configuration: configuration, logger: silent)
  }

  @Test(arguments: [true, false])
  func `requests come through a tunnel that a proxy opened, and TLS is within it`(isTLS: Bool) async throws {
    let upstream = try await ScriptedUpstream.start(answer(ok))
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(TestCertificates.certificate.utf8)).map { NIOSSLCertificateSource.certificate($0) }
    let key = try NIOSSLPrivateKey(bytes: Array(TestCertificates.key.utf8), format: .pem)
    let tls = try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
    let node = try await TestNode.start(tls: isTLS ? tls : nil)
    let proxy = try await ScriptedProxy.start(.open("HTTP/1.1 200 Fine\r\nContent-Length: 7\r\n\r\n", port: node.port))
    let file = "/tmp/pico-agent-test-\(UInt32.random(in: 0 ... .max)).pem"
    try #require(FileText.write(TestCertificates.authority, to: file))
    let agent = try agent(proxy.port, userInformation: "me:secret@", service: upstream.port, authority: isTLS ? file : nil)
    try await agent.start()
    await eventually("the tunnel") { node.sessionCount == 1 && agent.isConnected }
    await node.expect(get, gives: ok)
    #expect(
      proxy.heads == [
        "CONNECT pico.test:8443 HTTP/1.1\r\nHost: pico.test:8443\r\nUser-Agent: pico/\(PicoVersion.current)\r\n"
          + "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"
      ])
    #expect(node.requests.allSatisfy { $0.contains("\r\nHost: pico.test:8443\r\n") && !$0.contains("Proxy-") })
    await agent.shutdown(graceful: true)
    try await proxy.stop()
    try await node.stop()
    try await upstream.stop()
  }

  @Test func `a program that dials an endpoint can have a proxy open its connection`() async throws {
    let proxy = try await ScriptedProxy.start(.reply("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"))
    var settings = try DialSettings(server: "https://pico.test:8443", endpoint: "db")
    try settings.setProxy("http://me:secret@127.0.0.1:\(proxy.port)")
    let proxied = settings
    let failure = try #require(await #expect(throws: DialError.self) { try await DialedConnection.dial(proxied) })
    #expect(failure.code == .unreachable && failure.description.contains("407") && !failure.description.contains("secret"), "\(failure)")
    let heads = proxy.heads
    #expect(heads.count == 1 && heads[0].hasPrefix("CONNECT pico.test:8443 HTTP/1.1\r\n"), "\(heads)")
    #expect(heads[0].contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n"))
    let wrong = #expect(throws: DialError.self) { try settings.setProxy("http://me:secret@127.0.0.1") }
    #expect(wrong?.code == .invalidSettings && wrong?.description.contains("secret") == false, "\(String(describing: wrong))")
    try settings.setProxy(nil)
    #expect(settings.access.proxy == nil)
    try await proxy.stop()
  }

  /// The proxy's answer, the user information of its URL, and what the agent says behind the proxy's name.
  static let failures: [(answer: ScriptedProxy.Answer, user: String, says: String)] = [
    (
      .reply("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "",
      "the proxy PROXY answered 407: Proxy Authentication Required (its URL has no user and password)"
    ),
    (
      .reply("HTTP/1.1 407 No\r\n\r\n"), "me:secret@",
      "the proxy PROXY answered 407: No (it does not take the user and password of its URL)"
    ),
    (.reply("HTTP/1.1 502 Bad\u{202E} Gateway\r\n\r\n"), "", "the proxy PROXY answered 502: Bad\\u{202e} Gateway"),
    (.reply("SSH-2.0-OpenSSH\r\n"), "", "what the proxy PROXY answered is not HTTP"),
    (
      .reply("HTTP/1.1 200 OK\r\nA: \(String(repeating: "a", count: 17000))\r\n\r\n"), "",
      "the proxy PROXY answered with a head of more than 16KiB"
    ),
    (.close, "", "the proxy PROXY ended the connection without an answer"),
    // Bytes right behind the head are the server's.
    (.reply("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 404 Nope\r\nContent-Length: 0\r\n\r\n"), "", "the server answered 404: Nope"),
  ]

  @Test(arguments: failures.indices)
  func `a proxy that opens nothing is named with what it answered`(index: Int) async throws {
    let (answer, user, says) = Self.failures[index]
    let proxy = try await ScriptedProxy.start(answer)
    let agent = try agent(proxy.port, userInformation: user)
    try await agent.start()
    var said = ""
    await eventually("the failure") {
      said = await agent.report().listeners[0].tunnels.lastFailure.map { "\($0)" } ?? ""
      return !said.isEmpty
    }
    #expect(said == says.replacing("PROXY", with: "http://127.0.0.1:\(proxy.port)"))
    await agent.shutdown(graceful: false)
    try await proxy.stop()
  }

  @Test func `no proxy at all is named too, and so is one that says nothing`() async throws {
    let proxy = try await ScriptedProxy.start(.silence)
    let url = try HTTPProxy(text: "http://127.0.0.1:\(proxy.port)")
    let caught = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(ProxyConnectHandler(url, target: Self.server, timeout: .milliseconds(50)))
          try pipeline.addHandler(Catcher(caught))
        }
      }
      .connect(host: "127.0.0.1", port: proxy.port).get()
    let error = await #expect(throws: ProxyFailure.self) { try await caught.futureResult.get() }
    #expect(error?.description == "the proxy \(url) gave no answer in time")
    try await channel.close()
    try await proxy.stop()
    let agent = try agent(url.address.port)
    try await agent.start()
    await eventually("the failure") {
      await agent.report().listeners[0].tunnels.lastFailure.map { "\($0)" }
        == "cannot connect to the proxy \(url): Connection refused"
    }
    await agent.shutdown(graceful: false)
  }

  private final class Catcher: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let caught: EventLoopPromise<Void>
    init(_ caught: EventLoopPromise<Void>) { self.caught = caught }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { caught.fail(error) }
  }

  @Test func `no token goes in the clear to a proxy that is another machine`() {
    var access = ServerAccess(server: BaseURL(isTLS: false, address: HostPort(host: "localhost", port: 8080)))
    for (proxy, witness) in [("127.0.0.1:3128", nil), ("192.0.2.1:3128", "the proxy http://192.0.2.1:3128")] as [(String, String?)] {
      access.proxy = try? HTTPProxy(text: "http://\(proxy)")
      #expect(access.plaintextWitness == witness)
    }
    access.server = BaseURL(isTLS: true, address: Self.server)
    #expect(access.plaintextWitness == nil)
  }
}
