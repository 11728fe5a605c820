internal import NIOCore
package import NIOSSL
package import PicoCore

/// TLS towards a server or an upstream: the system's authorities or those of a file, and always a full check of the name.
package enum TLSContext {
  /// - Parameter key: the configuration key of `caFile`, for the error.
  package static func make(caFile: String?, key: String) throws(PicoError) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    // How long a connection that we ended may wait for the other side's last word.
    configuration.shutdownTimeout = .seconds(1)
    if let caFile { configuration.trustRoots = .file(caFile) }
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
