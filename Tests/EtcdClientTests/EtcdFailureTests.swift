import EtcdClient
import Glibc
import PicoCore
import Support
import Testing

extension EtcdClientTests {
  @Suite struct Members {
    @Test(arguments: [SIGKILL, SIGSTOP])
    func `with a member gone, leader or not, calls and watches go on at another`(_ signal: Int32) async throws {
      try await Setting.run(3, configure: { $0.timeout = .seconds(20) }) { on in
        // The client starts at the first member; the others lead or follow as it comes.
        try await on.watching("/w/", after: try await on.now()) { seen in
          try await on.put("/w/a", "1")
          try await eventually("the first") { seen.events == ["+/w/a=1"] }
          on.servers.send(signal, to: 0)
          try await on.put("/w/a", "2")
          try await eventually("the second") { seen.events.contains("+/w/a=2") }
          #expect(seen.interruptions > 0)
          #expect(seen.end == nil)
          on.servers.send(SIGCONT, to: 0)
        }
      }
    }

    /// Passes connections on. With SIGUSR1 those that are open carry nothing any more, and are not closed: as when packets are lost.
    private static let forwarder = """
      import asyncio, signal, sys
      generation = 0
      async def copy(reader, writer, own):
          while data := await reader.read(65536):
              if own == generation:
                  writer.write(data)
      async def serve(reader, writer):
          far = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
          await asyncio.gather(copy(reader, far[1], generation), copy(far[0], writer, generation), return_exceptions=True)
      def mute():
          global generation
          generation += 1
      async def main():
          asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, mute)
          async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
              await server.serve_forever()
      asyncio.run(main())
      """

    @Test func `a connection that gives no answer is given up, and the next call has a new one`() async throws {
      let stage = try Stage()
      let servers = try await EtcdServers(on: stage)
      let port = freePort()
      let forwarder = try await stage.serve("forwarder", ["python3", "-c", Self.forwarder, "\(port)", "\(servers.ports[0])"], port: port)
      let endpoint = HostPort(host: "127.0.0.1", port: port)
      let client = try EtcdClient(EtcdConfiguration(endpoints: [endpoint], timeout: .seconds(1)))
      try await client.running {
        let setting = Setting(stage: stage, servers: servers, client: client)
        try await setting.put("/w/a", "1")
        try await setting.watching("/w/", after: try await setting.now()) { seen in
          try await eventually("the watch") { seen.isOpen }
          forwarder.send(SIGUSR1)
          await #expect { try await client.get(.key("/w/a")) } throws: { ($0 as? EtcdError)?.code == .timedOut }
          try await setting.put("/w/a", "2")
          try await eventually("the watch goes on") { seen.events.contains("+/w/a=2") }
        }
      }
    }

    @Test func `the leader's death costs some seconds`() async throws {
      try await Setting.run(3, configure: { $0.timeout = .seconds(20) }) { on in
        let lease = try await on.client.grantLease(lasting: .seconds(20)).lease
        on.servers.kill(try await on.servers.leader())
        try await on.put("/w/a", "1")
        #expect(try await on.client.keepAlive(lease, within: .seconds(20)) == .seconds(20))
      }
    }

    @Test func `without a majority only what need not be new is read, and a watch is told`() async throws {
      try await Setting.run(3, configure: { $0.timeout = .seconds(2) }) { on in
        try await on.put("/w/a", "1")
        try await on.watching("/w/", after: try await on.now()) { seen in
          try await eventually("the watch") { seen.isOpen }
          on.servers.kill(1)
          on.servers.kill(2)
          try await eventually("the word that there is no leader") { seen.interruptions > 0 }
          let error = await #expect(throws: EtcdError.self) { try await on.client.get(.key("/w/a")) }
          #expect(error?.code == .unavailable || error?.code == .timedOut, "\(String(describing: error))")
          try await eventually("what this member holds") {
            (try? await on.client.get(.key("/w/a"), .serializable).pairs.map(\.text)) == ["1"]
          }
          try on.servers.start(1)
          try await eventually("a majority") { (try? await on.put("/w/a", "2")) != nil }
          try await eventually("the change") { seen.events.contains("+/w/a=2") }
        }
      }
    }

    @Test func `nobody there is said with the address`() async throws {
      let port = freePort()
      let client = try EtcdClient(EtcdConfiguration(endpoints: [HostPort(host: "localhost", port: port)], timeout: .milliseconds(800)))
      try await client.running {
        let error = await #expect(throws: EtcdError.self) { try await client.get(.key("a")) }
        #expect(error?.code == .unavailable)
        #expect(error?.description.contains("localhost:\(port)") == true)
      }
    }
  }

  @Suite struct Access {
    @Test func `a client and a server know each other by certificates`() async throws {
      let stage = try Stage()
      let authority = try TestAuthority(in: stage.directory)
      let stranger = try TestAuthority("Stranger", in: stage.directory)
      let server = try authority.issue("etcd")
      let own = try authority.issue("pico")
      let foreign = try stranger.issue("pico")
      let servers = try await EtcdServers(tls: .init(server, clientAuthority: authority.file), on: stage)

      func answer(_ host: String, _ tls: EtcdConfiguration.TLS?) async throws -> EtcdError? {
        let endpoints = [HostPort(host: host, port: servers.ports[0])]
        let client = try EtcdClient(EtcdConfiguration(endpoints: endpoints, tls: tls, timeout: .seconds(2)))
        var failure: EtcdError?
        try await client.running {
          do throws(EtcdError) { try await client.put("/k", []) } catch { failure = error }
        }
        return failure
      }

      let right = EtcdConfiguration.TLS(authority: authority.file, certificate: own.certificate, key: own.key)
      #expect(try await answer("localhost", right) == nil)
      #expect(try await answer("127.0.0.1", right) == nil)

      let unknownServer = try await answer(
        "localhost", EtcdConfiguration.TLS(authority: stranger.file, certificate: own.certificate, key: own.key))
      #expect(unknownServer?.code == .unavailable)
      #expect(unknownServer?.message.contains("CERTIFICATE_VERIFY_FAILED") == true, "\(String(describing: unknownServer))")
      let wrongCertificate = try await answer(
        "localhost", EtcdConfiguration.TLS(authority: authority.file, certificate: foreign.certificate, key: foreign.key))
      #expect(wrongCertificate?.code == .unavailable, "\(String(describing: wrongCertificate))")
      let noCertificate = try await answer("localhost", EtcdConfiguration.TLS(authority: authority.file))
      #expect(noCertificate?.code == .unavailable, "\(String(describing: noCertificate))")
      let plaintext = try await answer("localhost", nil)
      #expect(plaintext?.code == .unavailable, "\(String(describing: plaintext))")

      let other = try authority.issue("etcd", for: "DNS:elsewhere.example")
      let misnamed = try await EtcdServers(tls: .init(other, clientAuthority: authority.file), on: stage)
      let client = try EtcdClient(
        EtcdConfiguration(endpoints: [HostPort(host: "localhost", port: misnamed.ports[0])], tls: right, timeout: .seconds(2)))
      try await client.running {
        await #expect { try await client.put("/k", []) } throws: { ($0 as? EtcdError)?.code == .unavailable }
      }
    }

    @Test func `a file that cannot be used is named`() throws {
      let stage = try Stage()
      let endpoint = HostPort(host: "localhost", port: 1)
      let missing = EtcdConfiguration(endpoints: [endpoint], tls: .init(authority: "/no/such.pem"))
      #expect { try EtcdClient(missing) } throws: { "\($0)" == "etcd: /no/such.pem: cannot be read" }
      let file = try stage.directory.write("not.pem", "nothing")
      let wrong = EtcdConfiguration(endpoints: [endpoint], tls: .init(authority: file))
      #expect { try EtcdClient(wrong) } throws: { ($0 as? EtcdError)?.code == .configuration }
      let half = EtcdConfiguration(endpoints: [endpoint], tls: .init(certificate: file))
      #expect { try EtcdClient(half) } throws: { ($0 as? EtcdError)?.code == .configuration }
    }

    @Test func `a user does what the role allows, with a token that is renewed when it is no longer known`() async throws {
      try await Setting.run(configure: { $0.user = .init(name: "pico", password: "secret") }) { on in
        // Before the cluster knows users it serves everybody.
        try await on.put("/pico/a", "0")
        try await on.servers.enableUsers(prefix: "/pico/")
        try await on.put("/pico/a", "1")
        await #expect { try await on.put("/other", "1") } throws: { ($0 as? EtcdError)?.code == .permissionDenied }

        // A server that starts again has forgotten its tokens.
        on.servers.kill(0)
        try on.servers.start(0)
        try await on.servers.ready()
        try await on.put("/pico/a", "2")

        try await on.watching("/other/", after: try await on.client.get(.key("/pico/a")).header) { seen in
          try await eventually("the refusal") { seen.end != nil }
          #expect(seen.end?.code == .permissionDenied)
        }
        try await on.watching("/pico/", after: try await on.client.get(.key("/pico/a")).header) { seen in
          try await eventually("the watch") { seen.isOpen }
          on.servers.kill(0)
          try on.servers.start(0)
          try await on.servers.ready()
          try await on.put("/pico/a", "3")
          try await eventually("the change") { seen.events.contains("+/pico/a=3") }
        }

        for user in [EtcdConfiguration.User(name: "pico", password: "wrong"), nil] {
          var configuration = on.client.configuration
          configuration.user = user
          let stranger = try EtcdClient(configuration)
          try await stranger.running {
            await #expect { try await stranger.put("/pico/a", []) } throws: { ($0 as? EtcdError)?.code == .unauthenticated }
          }
        }
      }
    }
  }
}
