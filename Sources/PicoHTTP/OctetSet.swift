/// A set of ASCII octets, tested without a branch or a table in memory. Octets from 0x80 up are never in it.
package struct OctetSet: Equatable, Sendable {
  /// Bit n is octet n.
  var low: UInt64
  /// Bit n is octet 64 + n.
  var high: UInt64

  @inline(__always)
  package func contains(_ octet: UInt8) -> Bool {
    let half = octet < 64 ? low : high
    return (half &>> UInt64(octet & 63)) & 1 != 0 && octet < 128
  }

  /// RFC 9110 section 5.6.2.
  package static var token: OctetSet { OctetSet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe) }
  /// RFC 3986 section 2.3; the grammar of an endpoint, and of a host name as Pico takes it.
  package static var unreserved: OctetSet { OctetSet(low: 0x03ff_6000_0000_0000, high: 0x47ff_fffe_87ff_fffe) }
  /// What a request ID of a client may consist of.
  package static var requestID: OctetSet { OctetSet(low: 0x03ff_6000_0000_0000, high: 0x07ff_fffe_87ff_fffe) }
  /// Between the brackets of an IPv6 literal: hexadecimal digits, colons and dots.
  package static var ipv6: OctetSet { OctetSet(low: 0x07ff_4000_0000_0000, high: 0x0000_007e_0000_007e) }
}
