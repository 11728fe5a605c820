import PicoCore
import PicoStatus
import PicoTopCore
import Testing

/// Every screen and dialog at every size that counts, as it was looked at and found good.
@Suite struct GoldenTests {
  static let sizes = [
    Size(columns: 80, rows: 24), Size(columns: 200, rows: 50), Size(columns: 40, rows: 12), Size(columns: 20, rows: 5),
  ]
  static let screens = ["overview", "endpoints", "endpoint", "listeners", "live", "nodes", "events", "blocks"]

  private func stage(_ size: Size, _ screen: String = "endpoints", isPlain: Bool = false) throws -> Stage {
    var stage = try Stage(size: size, depth: isPlain ? .none : .trueColour) { options, _ in options.isASCII = isPlain }
    stage.settle()
    let number = (Self.screens.firstIndex(of: screen) ?? 1) + 1
    stage.type("\(number)")
    stage.answer()
    stage.pass(.milliseconds(300))
    return stage
  }

  @Test(arguments: sizes, screens)
  func `a screen looks as it did`(size: Size, screen: String) throws {
    var stage = try stage(size, screen)
    try GoldenText.expect(stage.grid(), is: "\(screen)-\(size.columns)x\(size.rows)")
  }

  @Test(arguments: screens)
  func `a screen without colour and beyond ASCII looks as it did`(screen: String) throws {
    var stage = try stage(Size(columns: 80, rows: 24), screen, isPlain: true)
    let grid = stage.grid()
    #expect(grid.cells.allSatisfy { $0.text?.isASCII ?? false })
    #expect(grid.cells.allSatisfy { $0.style.foreground == .default && $0.style.background == .default })
    try GoldenText.expect(grid, is: "\(screen)-plain")
  }

  @Test(
    arguments: sizes, ["disconnect", "disconnect-last", "disconnect-tagged", "result", "drain", "unblock", "help", "columns", "themes"])
  func `what lies over a screen looks as it did`(size: Size, name: String) throws {
    var stage = try stage(size)
    switch name {
    case "disconnect":
      stage.type("3")
      stage.answer()
      stage.type("x")
      stage.answer()
      stage.press(.up, .up, .right)
      stage.answer()
    case "disconnect-last":
      stage.press(.down, .down, .enter)
      stage.answer()
      stage.type("xsear")
      stage.answer()
    case "disconnect-tagged":
      stage.type("4")
      stage.answer()
      stage.type("  V")
      stage.press(.down, .down)
      stage.type("Vx")
      stage.answer()
    case "result":
      stage.type("3")
      stage.answer()
      stage.type("x")
      stage.answer()
      stage.type("y")
      stage.answer()
    case "drain":
      stage.type("6")
      _ = stage.grid()
      stage.type("D")
    case "unblock":
      stage.type("8")
      _ = stage.grid()
      stage.type("u")
    case "help": stage.type("?")
    case "columns": stage.type("c")
    default: stage.type("t")
    }
    try GoldenText.expect(stage.grid(), is: "over-\(name)-\(size.columns)x\(size.rows)")
  }

  @Test func `a lost server is told and its rows are dimmed`() throws {
    var stage = try stage(Size(columns: 80, rows: 24))
    stage.happen(.connection(.lost(reason: "connection refused", retrySeconds: 4), server: 0))
    stage.pass(.seconds(2))
    stage.happen(.tick)
    try GoldenText.expect(stage.grid(), is: "lost")
  }

  @Test func `a filter is typed with its error beside it`() throws {
    var stage = try stage(Size(columns: 80, rows: 24))
    stage.type("/rate>10 and foo>")
    try GoldenText.expect(stage.grid(), is: "filter-error")
  }

  @Test func `two servers have a column and a sum`() throws {
    var stage = try Stage(size: Size(columns: 110, rows: 24), servers: ["eu.example:8081", "us.example:8081"])
    stage.settle(server: 0)
    var other = MadeFleet(endpoints: 5)
    for index in other.nodes.indices { other.nodes[index].id = "n-us\(index)" }
    stage.settle(other, server: 1, node: "n-us0")
    try GoldenText.expect(stage.grid(), is: "two-servers")
  }

  @Test func `nothing connected says what to do`() throws {
    var stage = try stage(Size(columns: 80, rows: 24))
    var empty = MadeFleet(endpoints: 0)
    empty.nodes = []
    empty.blocks = []
    empty.events = []
    stage = try Stage()
    stage.settle(empty)
    try GoldenText.expect(stage.grid(), is: "empty")
  }
}
