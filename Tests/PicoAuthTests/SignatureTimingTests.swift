import Testing

@testable import PicoAuth

/// What the time of an answer tells of a signature. HMAC is what matters: only there does the server know what the right signature would be.
@Suite(.serialized) struct SignatureTimingTests {
  enum Change: CaseIterable {
    case none, firstByte, lastByte, allBytes
  }

  private static func token(_ change: Change) async throws -> [UInt8] {
    let good = try await MadeTokens.token()
    let dot = try #require(good.lastIndex(of: UInt8(ascii: ".")))
    var signature = try #require(Base64URL.decode(good[(dot + 1)...]))
    switch change {
    case .none: break
    case .firstByte: signature[0] ^= 1
    case .lastByte: signature[signature.count - 1] ^= 1
    case .allBytes: signature = signature.map { $0 ^ 0x5A }
    }
    return good[...dot] + Array(Base64URL.encode(signature).utf8)
  }

  /// Medians of turns that the tokens take one after the other, in nanoseconds, so that a busy machine slows all of them alike.
  private static func medians(_ verifier: TokenVerifier, _ tokens: [[UInt8]], turns: Int) -> [Double] {
    var times = [[Double]](repeating: [], count: tokens.count)
    let clock = ContinuousClock()
    for turn in 0..<turns {
      for offset in tokens.indices {
        let index = (turn + offset) % tokens.count
        let start = clock.now
        for _ in 0..<4 { _ = try? verifier.verify(tokens[index], now: MadeTokens.now) }
        times[index].append(Double((clock.now - start) / .nanoseconds(1)))
      }
    }
    return times.map { $0.sorted()[$0.count / 2] }
  }

  @Test func `where a signature is wrong cannot be told by the time`() async throws {
    let verifier = try await MadeTokens.verifier()
    let tokens = [try await Self.token(.firstByte), try await Self.token(.lastByte), try await Self.token(.allBytes)]
    for token in tokens { #expect(throws: TokenFault.invalid(.badSignature)) { try verifier.verify(token, now: MadeTokens.now) } }
    // A difference that is there shows in every round, noise does not.
    var differences: [Double] = []
    for _ in 0..<10 where differences.last ?? 1 > 0.02 {
      let medians = Self.medians(verifier, tokens, turns: 400)
      let (least, most) = (try #require(medians.min()), try #require(medians.max()))
      differences.append(most / least - 1)
    }
    #expect(try #require(differences.min()) <= 0.02, "\(differences)")
  }

  /// Accepting does more, as the claims are looked at; refusing must not do more, or bad tokens would be the cheaper attack.
  @Test func `a bad signature takes no longer than a good one`() async throws {
    let verifier = try await MadeTokens.verifier()
    let tokens = [try await Self.token(.none), try await Self.token(.lastByte)]
    var ratios: [Double] = []
    for _ in 0..<10 where ratios.last ?? 2 > 1.1 {
      let medians = Self.medians(verifier, tokens, turns: 400)
      ratios.append(medians[1] / medians[0])
    }
    #expect(try #require(ratios.min()) <= 1.1, "\(ratios)")
  }
}
