internal import EtcdWire
internal import FoundationEssentials
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import PicoCore

/// A connection to one endpoint, made anew as gRPC does when it breaks, and the services that are offered there.
struct EtcdConnection: Sendable {
  typealias Transport = HTTP2ClientTransport.Posix

  /// `HOST:PORT`.
  let name: String
  let client: GRPCClient<Transport>

  var kv: Etcdserverpb_KV.Client<Transport> { .init(wrapping: client) }
  var watch: Etcdserverpb_Watch.Client<Transport> { .init(wrapping: client) }
  var lease: Etcdserverpb_Lease.Client<Transport> { .init(wrapping: client) }
  var auth: Etcdserverpb_Auth.Client<Transport> { .init(wrapping: client) }
  var maintenance: Etcdserverpb_Maintenance.Client<Transport> { .init(wrapping: client) }

  init(to endpoint: HostPort, security: Transport.TransportSecurity) throws(EtcdError) {
    name = endpoint.description
    let target: any ResolvableTarget =
      switch IPAddress(endpoint.host) {
      case .some(let address) where address.isIPv4 && !endpoint.host.contains(":"): .ipv4(address: endpoint.host, port: endpoint.port)
      case .some: .ipv6(address: endpoint.host, port: endpoint.port)
      case nil: .dns(host: endpoint.host, port: endpoint.port)
      }
    let config = Transport.Config.defaults {
      $0.backoff = .init(initial: .milliseconds(100), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
      $0.connection.keepalive = .init(time: .seconds(10), timeout: .seconds(5), allowWithoutCalls: false)
    }
    do {
      client = GRPCClient(transport: try .http2NIOPosix(target: target, transportSecurity: security, config: config))
    } catch {
      throw EtcdError(.configuration, "\(name): \(error)")
    }
  }

  /// - Throws: `.configuration`, naming the file.
  static func security(_ tls: EtcdConfiguration.TLS?) throws(EtcdError) -> Transport.TransportSecurity {
    guard let tls else { return .plaintext }
    guard (tls.certificate == nil) == (tls.key == nil) else {
      throw EtcdError(.configuration, "a client certificate needs its key, and a key its certificate")
    }
    for path in [tls.authority, tls.certificate, tls.key] {
      if let path, FileManager.default.contents(atPath: path) == nil { throw EtcdError(.configuration, "\(path): cannot be read") }
    }
    return .tls(
      .defaults {
        if let authority = tls.authority { $0.trustRoots = .certificates([.file(path: authority, format: .pem)]) }
        if let certificate = tls.certificate { $0.certificateChain = [.file(path: certificate, format: .pem)] }
        if let key = tls.key { $0.privateKey = .file(path: key, format: .pem) }
      })
  }
}
