internal import Glibc
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
  ///   - key: the configuration key of `caFile`, for the error: `server.tls.ca`. Those of `credentials` end with `cert` and `key` instead.
  ///   - credentials: what a server that asks for a certificate is shown.
  package static func make(caFile: String?, key: String, credentials: Credentials? = nil) throws(PicoError) -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    // How long a connection that we ended may wait for the other side's last word.
    configuration.shutdownTimeout = .seconds(1)
    if let caFile { configuration.trustRoots = .file(caFile) }
    if let credentials { try credentials.add(to: &configuration, prefix: key.dropLast(2)) }
    do {
      return try NIOSSLContext(configuration: configuration)
    } catch {
      let file = caFile ?? "the system's authorities"
      if let caFile, unsafe access(caFile, R_OK) != 0 {
        throw PicoError(.badConfiguration, "\(key): \(file) cannot be read: \(SystemErrorText.text(errno))", side: .internal)
      }
      throw PicoError(.badConfiguration, "\(key): \(file) holds no certificate that can be read", side: .internal)
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
    error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError || error is TLSIdentityMismatch || error is TLSFault
  }
}

extension TLSContext {
  /// What went wrong with TLS, without the types, numbers and paths of the library's own description.
  static func text(_ error: any Error) -> String {
    switch error {
    case NIOSSLError.handshakeFailed(let cause): return text(cause)
    case NIOSSLError.uncleanShutdown: return "the other side ended the connection without a word"
    case BoringSSLError.sslError(let causes), BoringSSLError.unknownError(let causes):
      return causes.first.map { text(library: "\($0)") } ?? "the handshake failed"
    case BoringSSLError.syscallError, BoringSSLError.zeroReturn: return "the other side ended the connection during the handshake"
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      let words = "\(error)".split(separator: " ")
      // "… Couldn't find NAME in certificate from peer"
      guard words.count > 5 else { return "the certificate is not for that name" }
      return "the certificate is not for \(words[words.count - 5])"
    default: return "\(error)"
    }
  }

  /// The library's own word for what went wrong with a handshake, such as `CERTIFICATE_VERIFY_FAILED`; nil when it has none.
  package static func libraryReason(of error: any Error) -> String? {
    switch error {
    case NIOSSLError.handshakeFailed(let cause): libraryReason(of: cause)
    case BoringSSLError.sslError(let causes), BoringSSLError.unknownError(let causes):
      causes.first.flatMap { libraryReason(in: "\($0)") }
    default: nil
    }
  }

  /// Whether the other side was gone before the handshake had come to its end.
  package static func isEndOfHandshake(_ error: any Error) -> Bool {
    switch error {
    case NIOSSLError.handshakeFailed(let cause): isEndOfHandshake(cause)
    case BoringSSLError.sslError(let causes): causes.contains(.eofDuringHandshake)
    case BoringSSLError.syscallError, BoringSSLError.zeroReturn, NIOSSLError.uncleanShutdown, is IOError: true
    default: false
    }
  }

  /// The reason in `… OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at FILE:LINE`.
  private static func libraryReason(in description: String) -> String? {
    description.firstRange(of: "OPENSSL_internal:").map { String(description[$0.upperBound...].prefix { $0 != " " }) }
  }

  private static func text(library description: String) -> String {
    guard let reason = libraryReason(in: description) else { return "the handshake failed" }
    switch reason {
    case "CERTIFICATE_VERIFY_FAILED": return "the certificate is not of a trusted authority or not valid now"
    case "HTTP_REQUEST": return "what came is HTTP in the clear"
    case "WRONG_VERSION_NUMBER": return "what answers speaks no TLS"
    case "BAD_PACKET_LENGTH": return "the other side broke the handshake off"
    case "TLSV1_ALERT_CERTIFICATE_REQUIRED": return "the other side wants a certificate of ours"
    case "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
      "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_REVOKED":
      return "the other side does not accept our certificate"
    default: return reason.lowercased().replacing("_", with: " ")
    }
  }
}

extension TLSContext.Credentials {
  fileprivate func add(to configuration: inout TLSConfiguration, prefix: Substring) throws(PicoError) {
    try Self.check(certificateFile, key: "\(prefix)cert")
    try Self.check(keyFile, key: "\(prefix)key")
    do {
      configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) }
    } catch {
      throw PicoError(.badConfiguration, "\(prefix)cert: \(certificateFile) holds no certificate that can be read", side: .internal)
    }
    do {
      configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
    } catch {
      throw PicoError(.badConfiguration, "\(prefix)key: \(keyFile) holds no key that can be read", side: .internal)
    }
    var own = TLSConfiguration.makeClientConfiguration()
    own.certificateVerification = .none
    own.certificateChain = configuration.certificateChain
    own.privateKey = configuration.privateKey
    guard (try? NIOSSLContext(configuration: own)) != nil else {
      throw PicoError(
        .badConfiguration, "\(prefix)key: \(keyFile) is not the key of the certificate in \(certificateFile)", side: .internal)
    }
  }

  private static func check(_ file: String, key: String) throws(PicoError) {
    guard unsafe access(file, R_OK) != 0 else { return }
    throw PicoError(.badConfiguration, "\(key): \(file) cannot be read: \(SystemErrorText.text(errno))", side: .internal)
  }
}
