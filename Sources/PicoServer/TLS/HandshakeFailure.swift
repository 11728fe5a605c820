internal import PicoTransport

/// Why a handshake came to nothing: the `reason` of `pico_tls_handshake_failures_total`.
enum HandshakeFailure: String, CaseIterable {
  /// It took longer than `proxy.head-timeout`.
  case timeout
  /// The client was gone before its end.
  case closed
  /// What came is something else, such as HTTP in the clear.
  case notTLS = "not-tls"
  /// The client speaks older versions only.
  case version
  /// Nothing in common to encrypt, to sign or to agree on keys with.
  case cipher
  /// There is none, it is not of the port's authorities, not for clients or not valid now.
  case clientCertificate = "client-certificate"
  /// The client says no, mostly to the port's certificate.
  case refused
  case other

  init(_ error: any Error) {
    guard let reason = TLSContext.libraryReason(of: error) else {
      self = TLSContext.isEndOfHandshake(error) ? .closed : .other
      return
    }
    switch reason {
    case "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER": self = .notTLS
    case "UNSUPPORTED_PROTOCOL": self = .version
    case "NO_SHARED_CIPHER", "NO_SHARED_GROUP", "NO_COMMON_SIGNATURE_ALGORITHMS": self = .cipher
    case "CERTIFICATE_VERIFY_FAILED", "PEER_DID_NOT_RETURN_A_CERTIFICATE": self = .clientCertificate
    // OpenSSL says no to a certificate of TLS 1.3 in the clear, where only encrypted records can be read.
    case "BAD_PACKET_LENGTH": self = .refused
    default: self = reason.contains("_ALERT_") ? .refused : .other
    }
  }
}

/// How often the handshakes of a port came to nothing, by reason.
struct HandshakeFailures {
  private var counts = [UInt64](repeating: 0, count: HandshakeFailure.allCases.count)

  mutating func count(_ failure: HandshakeFailure) {
    if let index = HandshakeFailure.allCases.firstIndex(of: failure) { counts[index] &+= 1 }
  }

  /// Every reason, those that never occurred too.
  var all: [(reason: HandshakeFailure, count: UInt64)] { Array(zip(HandshakeFailure.allCases, counts)).map { ($0, $1) } }
}
