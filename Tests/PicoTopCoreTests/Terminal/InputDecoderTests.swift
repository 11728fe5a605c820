import Testing

@testable import PicoTopCore

@Suite struct InputDecoderTests {
  typealias Input = InputDecoder.Input

  private func decode(_ pieces: [InputPiece], step: Duration = .zero) -> [Input] {
    var decoder = InputDecoder()
    var now = Duration.zero
    return pieces.compactMap { piece in
      now += step
      return decoder.receive(piece, at: now)
    }
  }

  private func scalars(_ text: String) -> [InputPiece] { text.unicodeScalars.map(InputPiece.scalar) }

  private func press(_ action: MouseEvent.Action, _ column: Int, _ row: Int) -> Input {
    .mouse(MouseEvent(action: action, position: Grid.Position(row: row, column: column)))
  }

  @Test(
    arguments: [
      ("a", .character("a")), ("é", .character("é")), (" ", .character(" ")), ("\r", .enter), ("\n", .enter), ("\t", .tab),
      ("\u{7F}", .backspace),
      ("\u{8}", .backspace), ("\u{1B}", .escape), ("\u{1}", .control("a")), ("\u{C}", .control("l")), ("\u{0}", .control("@")),
      ("\u{1C}", .control("\\")), ("\u{1F}", .control("_")),
    ] as [(String, Key)]) func `characters are keys`(_ text: String, _ key: Key)
  {
    #expect(decode(scalars(text)) == [.key(key)])
  }

  @Test func `a report of the mouse is one press, in however many pieces`() {
    #expect(decode([.mouse] + scalars("0;12;3M")) == [press(.press, 11, 2)])
    #expect(decode([.mouse] + scalars("64;1;1M"), step: .milliseconds(50)) == [press(.wheelUp, 0, 0)])
    #expect(decode([.mouse] + scalars("65;1;1M")) == [press(.wheelDown, 0, 0)])
  }

  @Test func `two presses at one place within a moment are a double one`() {
    let click = [.mouse] + scalars("0;5;5M") + [.mouse] + scalars("0;5;5m")
    #expect(decode(click + click) == [press(.press, 4, 4), press(.doublePress, 4, 4)])
    #expect(decode(click + click + click).last == press(.press, 4, 4))
    #expect(decode(click + click, step: .milliseconds(100)) == [press(.press, 4, 4), press(.press, 4, 4)])
    #expect(decode(click + [.mouse] + scalars("0;6;5M")) == [press(.press, 4, 4), press(.press, 5, 4)])
  }

  @Test(arguments: ["0;5;5m", "2;5;5M", "35;5;5M", ";;M", "0;0;1M", "0;1M", "1;2;3;4M", "0;99999999999999999999;1M", "M", "0;-1;3M"])
  func `other reports are dropped, and the keys behind them are not`(_ report: String) {
    let inputs = decode([.mouse] + scalars(report) + [.key(.up)])
    #expect(inputs.last == .key(.up))
    #expect(inputs.allSatisfy { if case .mouse = $0 { false } else { true } })
  }

  @Test func `a pasted text is one thing, and no key is in it`() {
    let pieces = [.pasteStart] + scalars("qx\r") + [.key(.up), .pasteEnd] + scalars("j")
    #expect(decode(pieces) == [.paste("qx\r"), .key(.character("j"))])
    let long = [.pasteStart] + scalars(String(repeating: "a", count: InputDecoder.longestPaste + 10)) + [.pasteEnd]
    #expect(decode(long) == [.paste(String(repeating: "a", count: InputDecoder.longestPaste))])
  }

  @Test func `the terminal's answer counts wherever it comes`() {
    #expect(decode([.mouse] + scalars("0;1") + [.shown] + scalars(";1M")) == [.shown, press(.press, 0, 0)])
    #expect(decode([.pasteStart, .shown] + scalars("a") + [.pasteEnd]) == [.shown, .paste("a")])
  }
}
