import PicoCore
import Testing

@Suite struct EntropyTests {
  @Test(arguments: [1, 2, 64]) func `as many words as asked, and others each time`(_ count: Int) {
    let one = Entropy.words(count)
    let other = Entropy.words(count)
    #expect(one.count == count && other.count == count)
    // Two of 64 words that are equal come up once in 10^19 times; a word alone may be equal by chance.
    #expect(count < 64 || one != other)
    #expect(count < 64 || Set(one).count > 60)
  }
}
