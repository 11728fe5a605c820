import Testing

@testable import PicoAuth

@Suite struct TokenCacheTests {
  private func entry(_ subject: String, deadline: UInt64 = 100, generation: UInt64 = 1) -> TokenCache.Entry {
    TokenCache.Entry(
      claims: VerifiedClaims(subject: subject, endpoints: .all, key: Fingerprint([1])), deadline: deadline, generation: generation)
  }

  private func name(_ number: Int) -> Fingerprint { Fingerprint("\(number)".utf8) }

  @Test func `an entry is there until its deadline or the next keys`() {
    var cache = TokenCache()
    cache.insert(entry("a"), of: name(1))
    #expect(cache.entry(of: name(1), now: 99, generation: 1) == entry("a"))
    #expect(cache.entry(of: name(2), now: 99, generation: 1) == nil)
    #expect(cache.entry(of: name(1), now: 99, generation: 2) == nil)
    #expect(cache.count == 0)
    cache.insert(entry("a"), of: name(1))
    #expect(cache.entry(of: name(1), now: 100, generation: 1) == nil)
    #expect(cache.count == 0)
  }

  @Test func `it is bounded, and what is used stays`() {
    var cache = TokenCache(capacity: 64)
    cache.insert(entry("used"), of: name(-1))
    for number in 0..<10_000 {
      cache.insert(entry("\(number)"), of: name(number))
      #expect(cache.count <= 65)
      #expect(cache.entry(of: name(-1), now: 0, generation: 1) == entry("used"))
    }
    #expect(cache.entry(of: name(0), now: 0, generation: 1) == nil)
  }

  @Test func `a fingerprint is SHA-256 of the bytes`() {
    #expect(Fingerprint([1, 2, 3]) == Fingerprint([1, 2, 3]))
    let bytes: [UInt8] = [1, 2, 3]
    #expect(unsafe Fingerprint(bytes.span.bytes) == Fingerprint(bytes))
    #expect(Fingerprint([]) != Fingerprint([0]))
  }
}
