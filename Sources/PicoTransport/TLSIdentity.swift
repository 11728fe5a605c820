internal import NIOSSL
package import PicoCore

/// Who the other side of a TLS connection has to be: a name or an address, as it was configured.
///
/// NIOSSL also accepts a certificate for the address that the name led to, and the common name. Whoever forges DNS answers could then show
/// an honest certificate for an address of his own, so the check here comes on top. Source: RFC 9525 sections 6.2 to 6.5.
package enum TLSIdentity: Equatable, Sendable {
  /// Lower case, without a last dot.
  case name(String)
  case address(IPAddress)

  package init(_ host: String) {
    if let address = IPAddress(host) {
      self = .address(address)
    } else {
      let name = host.lowercased()
      self = .name(name.last == "." ? String(name.dropLast()) : name)
    }
  }

  /// For the SNI extension, which takes no addresses.
  package var serverName: String? { if case .name(let name) = self { name } else { nil } }

  func matches(_ certificate: NIOSSLCertificate) -> Bool {
    certificate._subjectAlternativeNames().contains { alternative in
      switch alternative.nameType {
      case .dnsName: matches(dnsName: Array(alternative.contents))
      case .ipAddress: matches(addressBytes: Array(alternative.contents))
      default: false
      }
    }
  }

  /// A wildcard stands for the whole first label, and never for all of a top-level domain.
  package func matches(dnsName bytes: [UInt8]) -> Bool {
    guard case .name(let name) = self, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
    var pattern = String(decoding: bytes, as: UTF8.self).lowercased()
    if pattern.last == "." { pattern.removeLast() }
    guard pattern.hasPrefix("*.") else { return !pattern.contains("*") && pattern == name }
    let suffix = pattern.dropFirst(1)
    guard let dot = name.firstIndex(of: "."), dot > name.startIndex else { return false }
    return !suffix.contains("*") && suffix.dropFirst().contains(".") && name[dot...] == suffix
  }

  /// 4 or 16 bytes, as they stand in a certificate.
  package func matches(addressBytes bytes: [UInt8]) -> Bool {
    guard case .address(let address) = self else { return false }
    let word: (ArraySlice<UInt8>) -> UInt64 = { $0.reduce(0) { $0 << 8 | UInt64($1) } }
    switch bytes.count {
    case 4: return address == IPAddress(v4: UInt32(truncatingIfNeeded: word(bytes[...])))
    case 16: return address == IPAddress(high: word(bytes[..<8]), low: word(bytes[8...]))
    default: return false
    }
  }
}

/// The certificate is an honest one for somebody else.
package struct TLSIdentityMismatch: Error, CustomStringConvertible {
  package let expected: TLSIdentity

  package var description: String {
    switch expected {
    case .name(let name): "the certificate is not for \(name.escapedForDisplay)"
    case .address(let address): "the certificate is not for \(address)"
    }
  }
}
