import Testing

@testable import PicoTopCore

@Suite struct FramePacerTests {
  @Test func `nothing is due while nothing changed`() {
    var pacer = FramePacer()
    #expect(pacer.due() == nil)
    pacer.want(isKey: false)
    #expect(pacer.due() == .zero)
    pacer.drew(at: .seconds(1), asked: false)
    #expect(pacer.due() == nil)
  }

  @Test(arguments: [(true, 16), (false, 100)]) func `keys are shown sooner than figures`(_ isKey: Bool, _ milliseconds: Int) {
    var pacer = FramePacer()
    pacer.drew(at: .seconds(1), asked: false)
    pacer.want(isKey: isKey)
    pacer.want(isKey: false)
    #expect(pacer.due() == .seconds(1) + .milliseconds(milliseconds))
  }

  @Test func `the next frame waits for the terminal, but not for ever`() {
    var pacer = FramePacer()
    pacer.drew(at: .seconds(1), asked: true)
    pacer.want(isKey: true)
    #expect(pacer.isWaiting)
    #expect(pacer.due() == .seconds(2))
    pacer.answered()
    #expect(!pacer.isWaiting)
    #expect(pacer.due() == .seconds(1) + .milliseconds(16))
  }

  @Test func `a terminal that never answers is not asked any more`() {
    var pacer = FramePacer()
    var questions = 0
    for second in 1...10 {
      let asks = pacer.asks
      questions += asks ? 1 : 0
      pacer.drew(at: .seconds(second), asked: asks)
      pacer.want(isKey: true)
    }
    #expect(questions == 3)
    #expect(pacer.due() == .seconds(10) + .milliseconds(16))
    pacer.answered()
    #expect(pacer.asks)
  }
}
