internal import NIOCore
package import NIOSSL
package import PicoCore

/// TLS towards a server or an upstream: the system's authorities or those of a file, and always a full check of the name.
package enum TLSContext {
  /// PEM files by which a connection shows who it is: a chain with the own certificate first, and its key.
  package struct Credentials: Equatable, Sendable {
    package var certificateFile: String
    package var keyFile: String

    package init(certificateFile: String, keyFile: String) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
    }
  }

  /// - Parameters:
  ///   - key: the configuration key of `caFile`, for the error.
  ///   - credentials: what a server that asks for a certificate is shown. The file at fault is named in the error.
  package static func make(caFile: String?, key: String, credentials: Credentials? = nil) throws(PicoError) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    // How long a connection that we ended may wait for the other side's last word.
    configuration.shutdownTimeout = .seconds(1)
    if let caFile { configuration.trustRoots = .file(caFile) }
    if let credentials { try credentials.add(to: &configuration) }
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw PicoError(.badConfiguration, "\(key): \(caFile ?? "the system's authorities") cannot be read", side: .internal, cause: error)
    }
  }

  /// - Parameter host: the name or the IP address that the certificate must be for.
  package static func handler(_ context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
    let identity = TLSIdentity(host)
    // The underscored entry is the only one that asks us once more after NIOSSL's own checks.
    return try NIOSSLClientHandler._makeSSLClientHandler(context: context, serverHostname: identity.serverName) { certificate, channel in
      identity.matches(certificate)
        ? channel.eventLoop.makeSucceededVoidFuture() : channel.eventLoop.makeFailedFuture(TLSIdentityMismatch(expected: identity))
    }
  }

  package static func isTLS(_ error: any Error) -> Bool {
    error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError || error is TLSIdentityMismatch
  }
}

extension TLSContext.Credentials {
  fileprivate func add(to configuration: inout TLSConfiguration) throws(PicoError) {
    do {
      configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) }
    } catch {
      throw PicoError(.badConfiguration, "\(certificateFile) holds no certificate that can be read", side: .internal)
    }
    do {
      configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
    } catch {
      throw PicoError(.badConfiguration, "\(keyFile) holds no key that can be read", side: .internal)
    }
  }
}
