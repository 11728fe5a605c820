import PicoTopCore
import Testing

@Suite struct LookTests {
  @Test func `look`() throws {
    for (columns, rows) in [(80, 24), (200, 50), (40, 12), (20, 5)] {
      for key in "12345678" {
        var stage = try Stage(size: Size(columns: columns, rows: rows))
        stage.settle()
        stage.press(.character(key))
        stage.answer()
        stage.pass(.milliseconds(300))
        print("=== \(columns)x\(rows) screen \(key)")
        print(stage.text())
      }
    }
  }
}
