internal import CNcurses
internal import PicoTopCore

/// Brings grids to the screen: curses is told the cells that changed, and writes what the terminal needs for them.
struct Painter {
  private let profile: TerminalProfile
  private var shown: Grid?
  private var pairs: [Pair: Int32] = [:]
  private let maximumPairs: Int32

  private struct Pair: Hashable {
    var foreground: Int32
    var background: Int32
  }

  init(profile: TerminalProfile) {
    self.profile = profile
    maximumPairs = profile.depth == .none ? 0 : pico_screen_pairs()
  }

  /// The next frame is drawn in full.
  mutating func forget() { shown = nil }

  /// Whether anything was written.
  mutating func paint(_ grid: Grid) -> Bool {
    guard grid != shown else { return false }
    let before = shown?.size == grid.size ? shown : nil
    if before == nil { pico_screen_erase() }
    var text: [UInt32] = []
    for row in 0..<grid.size.rows {
      for column in 0..<grid.size.columns {
        let cell = grid[row, column]
        // The right half of a wide character comes with the left one.
        guard let character = cell.text, before.map({ $0[row, column] != cell || hasWideChange($0, grid, row, column) }) ?? true else {
          continue
        }
        text.removeAll(keepingCapacity: true)
        text.append(contentsOf: character.unicodeScalars.prefix(Self.scalarsPerCell).map(\.value))
        text.append(0)
        let (attributes, pair) = look(of: cell.style)
        // The text ends with NUL and lives through the call.
        unsafe pico_screen_put(Int32(row), Int32(column), text, attributes, pair)
      }
    }
    pico_screen_show(Int32(grid.cursor?.row ?? -1), Int32(grid.cursor?.column ?? 0))
    shown = grid
    return true
  }

  /// As many as curses has room for.
  private static let scalarsPerCell = 5

  /// Whether the cell behind became or ceased to be the half of this one.
  private func hasWideChange(_ before: Grid, _ grid: Grid, _ row: Int, _ column: Int) -> Bool {
    guard column + 1 < grid.size.columns else { return false }
    return (before[row, column + 1].text == nil) != (grid[row, column + 1].text == nil)
  }

  // MARK: Colours

  private mutating func look(of style: Style) -> (attributes: UInt32, pair: Int32) {
    var attributes = UInt32(0)
    if style.attributes.contains(.bold) { attributes |= PICO_BOLD.rawValue }
    if style.attributes.contains(.dim) { attributes |= PICO_DIM.rawValue }
    if style.attributes.contains(.underline) { attributes |= PICO_UNDERLINE.rawValue }
    if style.attributes.contains(.reverse) { attributes |= PICO_REVERSE.rawValue }
    guard maximumPairs > 1 else { return (attributes, 0) }
    var foreground = number(style.foreground)
    if profile.hasEightColours, case .ansi(let index) = style.foreground {
      switch index {
      // Bold black is black wherever bold is no brighter.
      case 8:
        foreground = 7
        attributes |= PICO_DIM.rawValue
      case 9...15: attributes |= PICO_BOLD.rawValue
      default: break
      }
    }
    return (attributes, pair(Pair(foreground: foreground, background: number(style.background))))
  }

  /// The terminal's number for a colour.
  private func number(_ colour: Colour) -> Int32 {
    switch colour {
    case .default: return -1
    case .ansi(let index):
      if profile.depth == .trueColour { return Int32(index) + 1 }
      return profile.hasEightColours ? Int32(index & 7) : Int32(index)
    case .rgb(let red, let green, let blue):
      let value = Int32(red) << 16 | Int32(green) << 8 | Int32(blue)
      // The palette has the numbers from 1 to 16.
      return (1...16).contains(value) ? 17 : value
    }
  }

  private mutating func pair(_ pair: Pair) -> Int32 {
    guard pair.foreground >= 0 || pair.background >= 0 else { return 0 }
    if let known = pairs[pair] { return known }
    // A theme needs some dozens; after very many themes the numbers begin anew, and a frame may be wrong until the next.
    if pairs.count + 1 >= min(maximumPairs, 1 << 15) {
      pairs = [:]
      pico_screen_forget()
    }
    let number = Int32(pairs.count) + 1
    pico_screen_define_pair(number, pair.foreground, pair.background)
    pairs[pair] = number
    return number
  }
}
