import NIOCore
import Testing

@testable import PicoHTTP

@Suite struct FieldNameTests {
  static let names: [(String, FieldName)] = [
    ("host", .host), ("content-length", .contentLength), ("transfer-encoding", .transferEncoding), ("connection", .connection),
    ("keep-alive", .keepAlive), ("proxy-connection", .proxyConnection), ("proxy-authenticate", .proxyAuthenticate),
    ("proxy-authorization", .proxyAuthorization), ("te", .te), ("trailer", .trailer), ("upgrade", .upgrade),
    ("http2-settings", .http2Settings),
    ("expect", .expect), ("authorization", .authorization), ("cookie", .cookie), ("set-cookie", .setCookie), ("forwarded", .forwarded),
    ("x-real-ip", .realIP), ("x-forwarded-for", .forwardedFor), ("x-forwarded-proto", .forwardedProto),
    ("x-forwarded-host", .forwardedHost),
    ("x-request-id", .requestID), ("cdn-loop", .cdnLoop), ("via", .via), ("x-pico-endpoint", .endpoint), ("x-piko-endpoint", .endpoint),
    ("x-pico-authorization", .picoAuthorization), ("x-piko-authorization", .picoAuthorization), ("x-pico-tenant-id", .picoTenant),
    ("x-piko-tenant-id", .picoTenant), ("x-pico-", .picoOther), ("x-piko-x", .picoOther),
  ]

  static func name(of text: String) -> FieldName {
    let buffer = ByteBuffer(string: text)
    return FieldName(HeadSlice(start: 0, count: buffer.readableBytes), in: buffer.readableBytesSpan)
  }

  @Test(arguments: names)
  func `a name is known in any case and only as a whole`(text: String, name: FieldName) {
    #expect(Self.name(of: text) == name)
    #expect(Self.name(of: text.uppercased()) == name)
    let isPico = text.hasPrefix("x-pi")
    #expect(Self.name(of: text + "s") == (isPico ? .picoOther : .other))
    #expect(Self.name(of: "a" + text) == .other)
    for index in 0..<text.utf8.count {
      var other = Array(text.utf8)
      other[index] = UInt8(ascii: "_")
      let changed = Self.name(of: String(decoding: other, as: UTF8.self))
      #expect(changed == .other || isPico && index > 6 && changed == .picoOther)
    }
  }

  @Test func `every name has a case in the table`() {
    #expect(Set(Self.names.map(\.1)) == Set(FieldName.allCases).subtracting([.other]))
  }

  @Test(arguments: [
    (OctetSet.token, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (.unreserved, "-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (.requestID, "-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), (.ipv6, ":.0123456789abcdefABCDEF"),
  ])
  func `an octet set holds what it spells`(set: OctetSet, spelled: String) {
    let expected = Set(spelled.utf8)
    for octet in UInt8.min...UInt8.max { #expect(set.contains(octet) == expected.contains(octet)) }
  }

  @Test func `what ends a value or a token is found at every place of a word`() {
    for octet in UInt8.min...UInt8.max {
      for place in 0..<12 {
        var bytes = Array("abcdefghijkl".utf8)
        bytes[place] = octet
        let isControl = octet < 0x20 && octet != 9 || octet == 0x7f
        let buffer = ByteBuffer(bytes: bytes)
        #expect(buffer.readableBytesSpan.endOfFieldText(from: 0, to: 12) == (isControl ? place : 12))
        let endsToken = !OctetSet.token.contains(octet)
        #expect(buffer.readableBytesSpan.endOfToken(from: 0, to: 12) == (endsToken ? place : 12))
      }
    }
  }
}
