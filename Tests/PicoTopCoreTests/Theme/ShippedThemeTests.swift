import PicoConfiguration
import Testing

@testable import PicoTopCore

/// The files of `themes/`. A terminal's own colours are not known, so what uses them is held to rules instead of ratios; see each test.
@Suite struct ShippedThemeTests {
  static let names = [
    "catppuccin-latte", "catppuccin-mocha", "default-dark", "default-light", "deuteranopia", "dracula", "gruvbox-dark", "gruvbox-light",
    "high-contrast", "monochrome", "nord", "solarized-dark", "solarized-light", "terminal", "tokyo-night", "transparent", "tritanopia",
  ]
  static let withOwnBackground = names.filter { !["terminal", "transparent", "monochrome"].contains($0) }

  static let folder: String = {
    let parts = #filePath.split(separator: "/").dropLast(4)
    return "/" + parts.joined(separator: "/") + "/themes"
  }()

  static func theme(_ name: String) throws -> Theme { try ThemeCatalogue(folders: [folder]).theme(named: name) }

  @Test func `seventeen themes are shipped`() {
    #expect(TextFile.names(inFolder: Self.folder).filter { $0.hasSuffix(".theme") } == Self.names.map { $0 + ".theme" })
  }

  @Test func `the built-in theme is the file of its name`() throws {
    #expect(try TextFile.read(path: "\(Self.folder)/default-dark.theme", maximumSize: 1 << 20) == Theme.builtInText)
    #expect(try Self.theme("default-dark") == Theme.builtIn)
  }

  @Test(arguments: withOwnBackground) func `every text can be read, also with fewer colours`(name: String) throws {
    let theme = try Self.theme(name)
    let least = name == "high-contrast" ? 7.0 : 4.5
    for depth in [ColourDepth.trueColour, .indexed256, .indexed16] {
      for role in Role.allCases where role.isText {
        let style = theme.style(role, depth: depth)
        let (foreground, background) = (try #require(style.foreground.rgb), try #require(style.background.rgb))
        // Sixteen colours are the terminal's own; with those of xterm a text keeps 4.5:1 where they have it, and is never lost.
        let limit = depth == .indexed16 ? 3.0 : min(least, depth == .trueColour ? least : 4.5)
        #expect(foreground.contrast(to: background) >= limit, "\(role) at \(depth)")
      }
    }
  }

  @Test(arguments: withOwnBackground) func `lines and graphs can be seen`(name: String) throws {
    let theme = try Self.theme(name)
    for (role, least) in [(Role.border, 1.2), (.focusedBorder, 3), (.graph, 3)] {
      let style = theme.style(role, depth: .trueColour)
      let (foreground, background) = (try #require(style.foreground.rgb), try #require(style.background.rgb))
      #expect(foreground.contrast(to: background) >= least, "\(role)")
    }
  }

  /// Nobody knows what is behind it. Each colour is held to 4.5:1 against black and against the dark grey of the default theme, which a
  /// translucent dark terminal lies between; where a colour is behind the text, it is behind by `reverse`.
  @Test func `the transparent theme can be read on dark terminals`() throws {
    let theme = try Self.theme("transparent")
    for role in Role.allCases {
      let style = theme.style(role, depth: .trueColour)
      #expect(style.background == .default, "\(role)")
      guard role.isText, role != .background else { continue }
      let foreground = try #require(style.foreground.rgb)
      for background in [RGB(0, 0, 0), RGB(0x14, 0x18, 0x1D), RGB(0x2E, 0x37, 0x42)] {
        #expect(foreground.contrast(to: background) >= 4.5, "\(role)")
      }
    }
  }

  /// The terminal's own colours on its own background. Of these black, white and the greys vanish on some background, so no text uses them;
  /// the other colours are as readable as the person set them.
  @Test(arguments: ["terminal", "monochrome"]) func `the terminal's own colours are used where they show`(name: String) throws {
    let theme = try Self.theme(name)
    for depth in [ColourDepth.trueColour, .indexed256, .indexed16] {
      for role in Role.allCases {
        let style = theme.style(role, depth: depth)
        #expect(style.background == .default, "\(role)")
        switch style.foreground {
        case .default: break
        case .ansi(let index): #expect(name == "terminal" && ((1...6).contains(index) || (!role.isText && index == 8)), "\(role)")
        case .rgb: Issue.record("\(role) has a colour of its own")
        }
      }
    }
  }

  @Test(arguments: names) func `what must be told apart differs`(name: String) throws {
    let theme = try Self.theme(name)
    for depth in ColourDepth.allCases {
      let styles = [Role.ok, .warn, .error, .danger].map { theme.style($0, depth: depth) }
      #expect(Set(styles).count == styles.count, "\(depth)")
      #expect(theme.style(.selectedRow, depth: depth) != theme.style(.foreground, depth: depth), "\(depth)")
      #expect(theme.style(.sortedHeader, depth: depth) != theme.style(.header, depth: depth), "\(depth)")
    }
  }

  @Test(
    arguments: [
      ("deuteranopia", ColourDeficiency.deuteranopia), ("deuteranopia", .protanopia), ("tritanopia", .tritanopia),
      ("high-contrast", .tritanopia),
    ])
  func `good, doubtful and wrong differ for eyes that lack a colour`(name: String, deficiency: ColourDeficiency) throws {
    let theme = try Self.theme(name)
    for depth in [ColourDepth.trueColour, .indexed256] {
      let colours = try [Role.ok, .warn, .error].map { role in
        deficiency.simulated(try #require(theme.style(role, depth: depth).foreground.rgb))
      }
      for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        #expect(colours[one].distance(to: colours[other]) >= 0.15, "\(depth): \(colours[one]) \(colours[other])")
      }
    }
  }

  @Test func `red and green alone are not told apart by all eyes`() {
    let (red, green) = (RGB(0xC0, 0x50, 0x30), RGB(0x80, 0x78, 0x20))
    #expect(red.distance(to: green) > 0.15)
    #expect(
      ColourDeficiency.deuteranopia.simulated(red).distance(to: ColourDeficiency.deuteranopia.simulated(green)) < 0.15)
  }
}

/// What a person sees who lacks one kind of cone (Machado, Oliveira and Fernandes, 2009, severity 1).
enum ColourDeficiency: Sendable {
  case protanopia, deuteranopia, tritanopia

  private var matrix: [[Double]] {
    switch self {
    case .protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    case .deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    case .tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    }
  }

  func simulated(_ colour: RGB) -> RGB {
    let light = colour.linear
    let values = matrix.map { row -> UInt8 in
      let value = min(max(row[0] * light.red + row[1] * light.green + row[2] * light.blue, 0), 1)
      // The square root is near enough to the curve of sRGB for a comparison.
      return UInt8((255 * value.squareRoot()).rounded())
    }
    return RGB(values[0], values[1], values[2])
  }
}
