internal import PicoConfiguration
internal import PicoCore

/// The files by which a port encrypts, all PEM. Without a certificate the port is in the clear.
package struct TLSFiles: Sendable, Equatable {
  /// A certificate, with those that lead to its authority behind it, and its key.
  package struct Pair: Sendable, Equatable {
    package var certificate: String
    package var key: String

    package init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }

    static let schema = ConfigurationSchema(
      initial: Pair(certificate: "", key: ""),
      keys: [
        .key("cert", \.certificate, "A PEM file: the certificate, then those that lead to its authority"),
        .key("key", \.key, "A PEM file with the certificate's key"),
      ], required: ["cert", "key"])
  }

  package var certificate: String?
  package var key: String?
  /// Authorities of client certificates; with them a client without one is refused.
  package var clientCA: String?
  /// Further ones, for other names.
  package var certificates: [Pair] = []

  package init() {}

  /// Whether the port encrypts.
  package var isOn: Bool { certificate != nil || !certificates.isEmpty }

  /// With the key that names each, the one first that is shown to a client that asks for no name or an unknown one.
  func pairs(_ key: String) -> [(key: String, pair: Pair)] {
    var pairs: [(key: String, pair: Pair)] = []
    if let certificate, let file = self.key { pairs.append((key, Pair(certificate: certificate, key: file))) }
    for (index, pair) in certificates.enumerated() { pairs.append(("\(key).certificates[\(index)]", pair)) }
    return pairs
  }

  /// Every file.
  var paths: [String] { pairs("").flatMap { [$0.pair.certificate, $0.pair.key] } + (clientCA.map { [$0] } ?? []) }

  /// Named within a port's: `cert`.
  static let keys: [ConfigurationKey<TLSFiles>] = [
    .key("cert", \.certificate, "A PEM file: the certificate, then those that lead to its authority; watched"),
    .key("key", \.key, "A PEM file with the certificate's key; watched"),
    .key("client-ca", \.clientCA, "A PEM file of authorities; clients then have to show a certificate of one of them; watched"),
    .objects(
      "certificates", \.certificates, "Further certificates; the name that a client asks for decides, an unknown name gets the first",
      of: Pair.schema),
  ]
}

extension ServerConfiguration {
  static let tlsKeys: [ConfigurationKey<ServerConfiguration>] =
    keys(within: "proxy.tls", \.proxy.tls) + keys(within: "upstream.tls", \.upstream.tls) + keys(within: "admin.tls", \.admin.tls)

  private static func keys(
    within prefix: String, _ path: any WritableKeyPath<ServerConfiguration, TLSFiles> & Sendable
  ) -> [ConfigurationKey<ServerConfiguration>] {
    TLSFiles.keys.map { $0.within(prefix, path) }
  }

  /// One socket takes requests and listeners. Two ports that the system chooses are two.
  package var sharesSocket: Bool { upstream.listen == nil || upstream.listen == proxy.listen && proxy.listen.port != 0 }

  static func checkTLS(_ configuration: ServerConfiguration, _ problems: inout ConfigurationProblems) {
    let ports = [("proxy", configuration.proxy.tls), ("upstream", configuration.upstream.tls), ("admin", configuration.admin.tls)]
    for (port, files) in ports where port != "upstream" || !configuration.sharesSocket {
      switch (files.certificate, files.key) {
      case (.some, nil): problems.contradiction("\(port).tls.cert", "needs \(port).tls.key")
      case (nil, .some): problems.contradiction("\(port).tls.key", "needs \(port).tls.cert")
      default: break
      }
      if files.clientCA != nil, !files.isOn { problems.contradiction("\(port).tls.client-ca", "has no use without \(port).tls.cert") }
    }
    // What is not given for listeners is that of requests.
    guard configuration.sharesSocket, configuration.upstream.tls != TLSFiles(), configuration.upstream.tls != configuration.proxy.tls
    else { return }
    let given = TLSFiles.keys.map { "upstream.tls.\($0.name)" }.first { problems.provenance[$0] != nil }
    problems.contradiction(
      given ?? "upstream.tls.cert", "differs from proxy.tls, and requests and listeners share a socket (upstream.listen parts them)")
  }
}
