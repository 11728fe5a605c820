internal import NIOCore
internal import NIOSSL

/// Whose a verified client certificate is.
enum CertificateIdentity {
  /// Of the client of a channel that asks for certificates; nil of any other. On the loop only.
  static func text(of channel: any Channel) -> String? {
    (try? channel.pipeline.syncOperations.nioSSL_peerCertificate()).flatMap { $0 }.flatMap { text($0) }
  }

  /// Whether the client of a channel has a certificate that has not ended. On the loop only.
  static func isValidNow(of channel: any Channel) -> Bool {
    guard let certificate = (try? channel.pipeline.syncOperations.nioSSL_peerCertificate()).flatMap({ $0 }) else { return false }
    return Double(certificate.notValidAfter) >= WallClock.seconds()
  }

  /// The first URI among the alternative names, else the first DNS name, else the common name. Not escaped.
  static func text(_ certificate: NIOSSLCertificate) -> String? {
    let names = certificate._subjectAlternativeNames()
    let name = names.first { $0.nameType == .uri } ?? names.first { $0.nameType == .dnsName }
    if let name, let text = String(validating: Array(name.contents), as: UTF8.self), !text.isEmpty { return text }
    guard let text = (try? certificate.toDERBytes()).flatMap({ SubjectName.commonName(ofCertificate: $0) }), !text.isEmpty else {
      return nil
    }
    return text
  }
}
