internal import NIOCore
internal import NIOSSL

/// Which of several certificates a client is shown: the first that has the name it asks for, by itself before by a wildcard. Nobody that asks
/// for no name, or for one that none has, is turned away: it gets what the port shows by default.
struct CertificateChoice: Sendable {
  private var exact: [String: NIOSSLContextConfigurationOverride] = [:]
  /// By what is behind the `*`, with the dot.
  private var wildcards: [String: NIOSSLContextConfigurationOverride] = [:]

  init(_ identities: [TLSFiles.Pair.Identity]) {
    for identity in identities {
      var shown = NIOSSLContextConfigurationOverride()
      shown.certificateChain = identity.chain.map { .certificate($0) }
      shown.privateKey = .privateKey(identity.key)
      for name in identity.names {
        if name.hasPrefix("*.") {
          let suffix = String(name.dropFirst())
          wildcards[suffix] = wildcards[suffix] ?? shown
        } else {
          exact[name] = exact[name] ?? shown
        }
      }
    }
  }

  func shown(for name: String?) -> NIOSSLContextConfigurationOverride {
    guard let name = name?.lowercased() else { return .noChanges }
    if let shown = exact[name] { return shown }
    guard let dot = name.firstIndex(of: ".") else { return .noChanges }
    return wildcards[String(name[dot...])] ?? .noChanges
  }
}

extension TLSFiles.Pair.Identity {
  /// DNS names of the certificate, lower case.
  var names: [String] {
    chain.first.map { certificate in
      certificate._subjectAlternativeNames().filter { $0.nameType == .dnsName }
        .map { String(decoding: $0.contents, as: UTF8.self).lowercased() }
    } ?? []
  }
}
