import FoundationEssentials
import PicoCore
import PicoStatus
import PicoTopCore
import Testing

/// The pictures of the documents, from made figures: they show what is drawn, as long as this passes.
@Suite struct PictureTests {
  @Test(arguments: ["overview", "endpoints", "endpoint", "disconnect"])
  func `the committed picture is what is drawn`(name: String) throws {
    var stage = try Stage(size: Size(columns: 112, rows: 32), theme: .builtIn)
    stage.settle()
    // Requests in flight have no history on the server: they are watched for a while.
    var random = SplitMixGenerator(seed: 3)
    for second in 0..<300 {
      stage.pass(.seconds(1))
      let flights = 58 + (second % 60 > 40 ? 30 : 0) + Int.random(in: -8...8, using: &random)
      stage.update { update in
        var totals = TotalsRow(blank: "cluster")
        totals.inFlight = second == 299 ? 58 : flights
        update.tables.totals = [RowChange(totals, members: MemberSet(rawValue: 1 << 2))]
      }
    }
    stage.pass(.seconds(1))
    stage.happen(.tick)
    switch name {
    case "overview": stage.type("1")
    case "endpoint":
      _ = stage.grid()
      stage.press(.down)
      stage.type("3")
    case "disconnect":
      _ = stage.grid()
      stage.press(.down)
      stage.type("3")
      stage.answer()
      stage.press(.down)
      stage.type("x")
      stage.answer()
      stage.press(.up, .right, .right)
    default: break
    }
    stage.answer()
    stage.update()
    let svg = stage.grid().svg(title: "pico-top: \(name)")
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/pictures").standardized
    let path = folder.appending(path: "pico-top-\(name).svg").path
    if ProcessInfo.processInfo.environment["PICO_WRITE_DOCS"] == "1" {
      try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
      try svg.write(toFile: path, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == svg, "look at it and write it with PICO_WRITE_DOCS=1")
  }
}
