import PicoCore
import PicoStatus
import PicoTopCore
import Testing

/// Screens 5 and 7, whose rows come all the time.
@Suite struct LogTests {
  private func stage(_ screen: String) throws -> Stage {
    var stage = try Stage()
    stage.settle()
    stage.type(screen)
    stage.answer()
    _ = stage.grid()
    return stage
  }

  private func request(_ stage: Stage, _ path: String, status: Int = 200, latency: Double = 5) -> AppEvent {
    .message(
      .request(
        TailedRequest(
          id: "t1", at: stage.now.wall, method: "GET", path: path, status: status, latency: latency, listener: "l-3f2a01", node: "n-1f3a",
          bytesIn: 0, bytesOut: 10, requestID: "r-\(path)")), server: 0)
  }

  @Test func `requests are filtered, sorted and chosen columns of`() throws {
    var stage = try stage("5")
    stage.type("/status>=500 or latency>1s")
    stage.press(.enter)
    #expect(stage.lines()[1].contains("3 of 40 requests"), "\(stage.lines()[1])")
    stage.press(.escape)
    stage.type(">>")
    #expect(stage.app.settings.sort["live"] == "-latency")
    #expect(stage.lines()[3].contains("▼LATENCY"))
    // The slowest is at the top, and the cursor with it.
    #expect(stage.lines()[4].contains("1.3s"))
    #expect(stage.grid().cursor?.row == 4)
    stage.type("c")
    stage.press(.down)
    stage.type(" ")
    stage.press(.escape)
    #expect(stage.app.settings.columns["live"]?.contains("status") == false)
    #expect(!stage.lines()[3].contains("STATUS"))
  }

  @Test func `the newest row stays in view until another one is selected`() throws {
    var stage = try stage("5")
    stage.happen(request(stage, "/new-1"))
    #expect(stage.lines()[22].contains("/new-1"))
    #expect(stage.grid().cursor?.row == 22)
    stage.press(.up)
    stage.happen(request(stage, "/new-2"))
    #expect(stage.lines()[22].contains("/new-1"))
    stage.type("G")
    #expect(stage.lines()[22].contains("/new-2"))
    stage.happen(request(stage, "/new-3"))
    #expect(stage.lines()[22].contains("/new-3"))
  }

  @Test(arguments: ["5", "6", "7", "8"]) func `there are no tags where nothing is done to several`(screen: String) throws {
    var stage = try stage(screen)
    stage.type(" V")
    #expect(!stage.text().contains("tagged") && !stage.text().contains("Space tag") && !stage.text().contains("range"))
  }

  @Test func `only the last requests are kept`() throws {
    var stage = try stage("5")
    for number in 0..<2500 { stage.happen(request(stage, "/\(number)")) }
    let line = stage.lines()[1]
    let count = line.split(separator: " ").first.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    #expect((1000...2000).contains(count), "\(line)")
    #expect(stage.lines()[22].contains("/2499"))
  }

  @Test func `Enter on a request goes to the listener that answered it`() throws {
    var stage = try stage("5")
    stage.happen(request(stage, "/slow", latency: 9000))
    stage.press(.enter)
    stage.answer()
    #expect(stage.lines()[0].contains("Endpoints › api-gateway"))
    let grid = stage.grid()
    #expect(grid.cursor.map { stage.lines()[$0.row].contains("l-3f2a01") } == true)
  }

  @Test func `events are filtered and sorted, and Enter goes to the endpoint`() throws {
    var stage = try stage("7")
    stage.type("/event==connected")
    stage.press(.enter)
    #expect(stage.lines()[1].contains("2 of 5 events"))
    stage.type("r")
    #expect(stage.app.settings.sort["events"] == "-time")
    #expect(stage.lines()[4].contains("checkout"))
    stage.press(.enter)
    stage.answer()
    #expect(stage.lines()[0].contains("Endpoints › checkout"))
  }

  @Test func `events are not dimmed when the server is lost, requests are`() throws {
    for (screen, isDimmed) in [("7", false), ("5", true)] {
      var stage = try stage(screen)
      stage.happen(.connection(.lost(reason: "reset", retrySeconds: 1), server: 0))
      stage.pass(.seconds(5))
      stage.happen(.tick)
      let grid = stage.grid()
      let row = try #require(stage.lines().firstIndex { $0.contains(":5") && $0.contains("l-3f2a0") })
      let line = stage.lines()[row]
      let column = try #require(line.firstRange(of: "l-3f2a0")).lowerBound
      let (time, listener) = (grid[row, 1].style, grid[row, line.distance(from: line.startIndex, to: column)].style)
      #expect((time == listener) == isDimmed, "\(screen)")
    }
  }
}
