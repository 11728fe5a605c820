import PicoCore
import Testing

@testable import PicoTopCore

@Suite struct QuantityTests {
  @Test(
    arguments: [
      (.rate(0), "0"), (.rate(0.001), "<0.01"), (.rate(0.12), "0.12"), (.rate(1), "1.00"), (.rate(9.994), "9.99"), (.rate(9.996), "10.0"),
      (.rate(12.34), "12.3"), (.rate(99.96), "100"), (.rate(123.4), "123"), (.rate(999.4), "999"), (.rate(999.6), "1.0k"),
      (.rate(1234), "1.2k"), (.rate(9960), "10k"), (.rate(12_345), "12k"), (.rate(999_600), "1.0M"), (.rate(34e6), "34M"),
      (.rate(1e30), "999E"), (.rate(.infinity), "999E"), (.rate(.nan), "-"), (.rate(-1), "0"), (.rate(-.infinity), "0"),
      (.milliseconds(0), "0"), (.milliseconds(0.004), "<.01ms"), (.milliseconds(0.25), "0.25ms"), (.milliseconds(0.996), "1.0ms"),
      (.milliseconds(1.24), "1.2ms"), (.milliseconds(9.96), "10ms"), (.milliseconds(12.4), "12ms"), (.milliseconds(999.6), "1.0s"),
      (.milliseconds(1234), "1.2s"), (.milliseconds(12_345), "12s"), (.milliseconds(119_000), "119s"), (.milliseconds(119_600), "2m"),
      (.milliseconds(7_150_000), "119m"),
      (.milliseconds(180_000), "3m"), (.milliseconds(7_200_000), "2h"), (.milliseconds(172_800_000), "2d"), (.milliseconds(1e300), ">999d"),
      (.milliseconds(.infinity), ">999d"), (.milliseconds(.nan), "-"),
      (.bytes(0), "0"), (.bytes(0.5), "<1B"), (.bytes(512), "512B"), (.bytes(999.4), "999B"), (.bytes(1000), "1.0K"),
      (.bytes(3482), "3.4K"),
      (.bytes(12_288), "12K"), (.bytes(1_047_000), "1.0M"), (.bytes(3_565_158), "3.4M"), (.bytes(1e300), "999E"), (.bytes(.nan), "-"),
      (.age(.zero), "0s"), (.age(.milliseconds(-5000)), "0s"), (.age(.seconds(5)), "5s"), (.age(.seconds(59)), "59s"),
      (.age(.seconds(192)), "3m12s"), (.age(.seconds(182)), "3m02s"), (.age(.seconds(3599)), "59m59s"), (.age(.seconds(14_700)), "4h05m"),
      (.age(.seconds(86_399)), "23h59m"), (.age(.seconds(180_000)), "2d"), (.age(.seconds(86_400_000)), "2y"),
      (.age(.seconds(Int64.max)), ">999y"),
      (.share(0), "0%"), (.share(0.0005), "<.1%"), (.share(0.005), "0.5%"), (.share(0.0996), "10%"), (.share(0.123), "12%"),
      (.share(0.9999), "99%"), (.share(1), "100%"), (.share(2.5), "250%"), (.share(100), ">10x"), (.share(.infinity), ">10x"),
      (.share(.nan), "-"),
      (.count(0), "0"), (.count(9999), "9999"), (.count(10_000), "10.0k"), (.count(12_345), "12.3k"), (.count(123_456), "123k"),
      (.count(999_600), "1.00M"), (.count(1_234_567), "1.23M"), (.count(.max), "18.4E"),
    ] as [(Quantity, String)])
  func `a quantity is short`(quantity: Quantity, text: String) {
    #expect(quantity.text == text)
  }

  @Test func `no value is wider than its kind or looks like none`() {
    var random = SplitMixGenerator(seed: 3)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: UInt64.random(in: .min ... .max, using: &random))
      let seconds = Int64.random(in: .min ... .max, using: &random) >> Int64.random(in: 0..<64, using: &random)
      let count = UInt64.random(in: .min ... .max, using: &random) >> UInt64.random(in: 0..<64, using: &random)
      for quantity in [.rate(value), .milliseconds(value), .bytes(value), .share(value), .age(.seconds(seconds)), Quantity.count(count)] {
        let text = quantity.text
        #expect(text.utf8.count <= quantity.width, "\(quantity) \(text)")
        #expect(!text.isEmpty && !text.contains("nan") && !text.contains("inf"), "\(quantity) \(text)")
      }
      for quantity in [Quantity.rate(value), .milliseconds(value), .bytes(value), .share(value)] where value > 0 {
        #expect(!["0", "0%", "0.00", "0.0%"].contains(quantity.text), "\(quantity)")
      }
    }
  }
}
