internal import NIOCore
internal import NIOSSL
internal import PicoConfiguration
internal import PicoCore

extension TLSFiles {
  private static let maximumSize = 4 << 20

  /// What a port encrypts by, as its files were.
  struct Read {
    var context: NIOSSLContext
    var certificates: [MetricsReport.Health.Certificate]
  }

  /// Reads the files.
  /// - Throws: ``PicoError`` `badConfiguration` that names the key and the file. Blocks, so not for event loops.
  func read(key: String, offersHTTP2: Bool = false) throws(PicoError) -> Read {
    var identities: [Pair.Identity] = []
    var certificates: [MetricsReport.Health.Certificate] = []
    for (key, pair) in pairs(key) {
      let identity = try pair.read(key)
      identities.append(identity)
      certificates.append(.init(key: key, expiry: identity.expiry))
    }
    guard let identity = identities.first else {
      throw PicoError(.badConfiguration, "\(key).cert: no certificate", side: .internal)
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: identity.chain.map { .certificate($0) }, privateKey: .privateKey(identity.key))
    configuration.minimumTLSVersion = .tlsv12
    // Of TLS 1.2 only what has forward secrecy and authenticates what it encrypts; the suites of TLS 1.3 are all of that kind.
    configuration.cipherSuiteValues = [
      .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
      .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
      .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
    configuration.curves = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]
    configuration.applicationProtocols = offersHTTP2 ? ["h2", "http/1.1"] : ["http/1.1"]
    // How long a connection that we ended may wait for the other side's last word.
    configuration.shutdownTimeout = .seconds(1)
    if let clientCA {
      configuration.trustRoots = .certificates(try Self.certificates(clientCA, key: "\(key).client-ca"))
      // A client has no name to be compared: that it has a certificate of these authorities, for clients, is what is asked.
      configuration.certificateVerification = .noHostnameVerification
      configuration.sendCANameList = true
    }
    if identities.count > 1 {
      let choice = CertificateChoice(identities)
      configuration.sslContextCallback = { asked, promise in promise.succeed(choice.shown(for: asked.serverHostname)) }
    }
    do {
      return Read(context: try NIOSSLContext(configuration: configuration), certificates: certificates)
    } catch {
      throw PicoError(.badConfiguration, "\(key): the certificates cannot be used", side: .internal, cause: error)
    }
  }

  /// The certificates of a PEM file, at least one.
  static func certificates(_ path: String, key: String) throws(PicoError) -> [NIOSSLCertificate] {
    let bytes = try bytes(path, key: key)
    guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
      throw PicoError(.badConfiguration, "\(key): \(path) holds no certificate that can be read", side: .internal)
    }
    return certificates
  }

  fileprivate static func bytes(_ path: String, key: String) throws(PicoError) -> [UInt8] {
    do throws(FileReadError) {
      return Array(try TextFile.read(path: path, maximumSize: maximumSize).utf8)
    } catch {
      throw PicoError(.badConfiguration, "\(key): \(path) \(error.reason)", side: .internal)
    }
  }
}

extension TLSFiles.Pair {
  struct Identity {
    /// At least one.
    var chain: [NIOSSLCertificate]
    var key: NIOSSLPrivateKey

    /// When the first of the chain ends, in seconds since 1970.
    var expiry: Int64 { chain.map { Int64($0.notValidAfter) }.min() ?? 0 }
  }

  private static func fit(_ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey) -> Bool {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.certificateVerification = .none
    return (try? NIOSSLContext(configuration: configuration)) != nil
  }

  /// - Parameter prefix: `proxy.tls`.
  func read(_ prefix: String) throws(PicoError) -> Identity {
    let chain = try TLSFiles.certificates(certificate, key: "\(prefix).cert")
    let bytes = try TLSFiles.bytes(key, key: "\(prefix).key")
    guard let privateKey = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
      throw PicoError(
        .badConfiguration, "\(prefix).key: \(key) holds no key that can be read (one with a passphrase cannot)", side: .internal)
    }
    guard Self.fit(chain, privateKey) else {
      throw PicoError(.badConfiguration, "\(prefix).key: \(key) is not the key of the certificate in \(certificate)", side: .internal)
    }
    return Identity(chain: chain, key: privateKey)
  }
}
