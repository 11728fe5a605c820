import PicoCore
import Testing

@testable import PicoAuth

@Suite struct EndpointGrantTests {
  /// The claims beside `exp`, and what they permit of `a`, `ab`, `abc` and `b`.
  static let claims: [(claims: String, permitted: [String])] = [
    ("", ["a", "ab", "abc", "b"]),
    (",\"pico\":{}", ["a", "ab", "abc", "b"]),
    (",\"pico\":{\"role\":\"viewer\"}", ["a", "ab", "abc", "b"]),
    (",\"pico\":{\"endpoints\":[\"a\"]}", ["a"]),
    (",\"pico\":{\"endpoints\":[\"A\",\"b\"]}", ["a", "b"]),
    (",\"pico\":{\"endpoints\":[\"a*\"]}", ["a", "ab", "abc"]),
    (",\"pico\":{\"endpoints\":[\"AB*\"]}", ["ab", "abc"]),
    (",\"pico\":{\"endpoints\":[\"*\"]}", ["a", "ab", "abc", "b"]),
    (",\"piko\":{\"endpoints\":[\"a\"]}", ["a"]),
    (",\"piko\":{\"endpoints\":[\"a*\"]},\"pico\":{\"endpoints\":[\"ab\",\"b\"]}", ["ab"]),
    (",\"piko\":{\"endpoints\":[\"b\"]},\"pico\":{\"endpoints\":[\"a\"]}", []),
    (",\"piko\":{},\"pico\":{\"endpoints\":[\"a\"]}", ["a"]),
    // A wrong type or an empty list is none, never all.
    (",\"pico\":{\"endpoints\":[]}", []),
    (",\"pico\":{\"endpoints\":null}", []),
    (",\"pico\":{\"endpoints\":\"a\"}", []),
    (",\"pico\":{\"endpoints\":{\"a\":true}}", []),
    (",\"pico\":{\"endpoints\":[\"a\",5]}", []),
    (",\"pico\":{\"endpoints\":[\"a\",\"\"]}", []),
    (",\"pico\":{\"endpoints\":[\"*a\"]}", []),
    (",\"pico\":{\"endpoints\":[\"a**\"]}", []),
    (",\"pico\":{\"endpoints\":[\"a*b\"]}", []),
    (",\"pico\":{\"endpoints\":[\"a/b\"]}", []),
    (",\"pico\":{\"endpoints\":[\".\"]}", []),
    (",\"pico\":5", []),
    (",\"pico\":null", []),
    (",\"piko\":[\"a\"]", []),
    (",\"pico\":{\"endpoints\":[\"a\"]},\"piko\":5", []),
    (",\"pico\":{\"endpoints\":[]},\"piko\":{\"endpoints\":[\"*\"]}", []),
    // Not the claim: it is nested.
    (",\"pico.endpoints\":[\"a\"]", ["a", "ab", "abc", "b"]),
  ]

  @Test(arguments: claims)
  func `a claim permits what it lists`(claims: String, permitted: [String]) async throws {
    let token = try await MadeTokens.token(header: "{\"alg\":\"HS256\"}", claims: "{\"exp\":1800003600\(claims)}")
    let grant = try await MadeTokens.verifier().verify(token, now: MadeTokens.now).endpoints
    let found = ["a", "ab", "abc", "b"].filter { EndpointID($0).map(grant.permits) == true }
    #expect(found == permitted)
  }

  @Test func `a name counts in any case`() throws {
    let grant = EndpointGrant(claims: [.array([.string("Web-*")])])
    let name = Array("wEB-1".utf8)
    #expect(unsafe grant.permits(name.span.bytes))
    #expect(!grant.isAll && EndpointGrant.all.isAll && !EndpointGrant.none.isAll)
    #expect(!EndpointGrant.none.permits(try #require(EndpointID("a"))))
  }
}
