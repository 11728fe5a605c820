import PicoTopCore
import Testing

@Suite struct GridTests {
  @Test func `a new grid is blank`() {
    let grid = Grid(size: Size(columns: 3, rows: 2), style: Style())
    #expect(grid.cells.count == 6)
    #expect(grid.cells.allSatisfy { $0.text == " " })
  }
}
