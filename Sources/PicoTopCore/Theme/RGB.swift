internal import Glibc

/// A colour of the sRGB space, and what an eye makes of it.
package struct RGB: Hashable, Sendable {
  package var red: UInt8
  package var green: UInt8
  package var blue: UInt8

  package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// Light of each primary from 0 to 1.
  package var linear: (red: Double, green: Double, blue: Double) { (Self.linear(red), Self.linear(green), Self.linear(blue)) }

  private static func linear(_ value: UInt8) -> Double {
    let value = Double(value) / 255
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
  }

  /// The ratio of WCAG 2.1, from 1 to 21.
  package func contrast(to other: RGB) -> Double {
    let (one, two) = (luminance, other.luminance)
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)
  }

  private var luminance: Double { 0.2126 * linear.red + 0.7152 * linear.green + 0.0722 * linear.blue }

  /// How different two colours look: 0 is the same, about 1 is black and white. Euclidean in Oklab (Björn Ottosson, 2020).
  package func distance(to other: RGB) -> Double {
    let (one, two) = (Self.oklab(linear), Self.oklab(other.linear))
    let (lightness, a, b) = (one.0 - two.0, one.1 - two.1, one.2 - two.2)
    return (lightness * lightness + a * a + b * b).squareRoot()
  }

  private static func oklab(_ light: (red: Double, green: Double, blue: Double)) -> (Double, Double, Double) {
    let (red, green, blue) = light
    let long = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    let middle = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    let short = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
      0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
      1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
      0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    )
  }

  // MARK: The palette of xterm

  /// What xterm shows for an index. Of the first 16 every terminal has its own idea; this is the default of xterm.
  package init(xterm index: UInt8) {
    switch index {
    case 0..<16: self = Self.ansi[Int(index)]
    case 16..<232:
      let place = Int(index) - 16
      self.init(Self.level(place / 36), Self.level(place / 6 % 6), Self.level(place % 6))
    default:
      let grey = UInt8(8 + 10 * (Int(index) - 232))
      self.init(grey, grey, grey)
    }
  }

  private static func level(_ step: Int) -> UInt8 { step == 0 ? 0 : UInt8(55 + 40 * step) }

  private static let ansi = [
    RGB(0, 0, 0), RGB(205, 0, 0), RGB(0, 205, 0), RGB(205, 205, 0), RGB(0, 0, 238), RGB(205, 0, 205), RGB(0, 205, 205), RGB(229, 229, 229),
    RGB(127, 127, 127), RGB(255, 0, 0), RGB(0, 255, 0), RGB(255, 255, 0), RGB(92, 92, 255), RGB(255, 0, 255), RGB(0, 255, 255),
    RGB(255, 255, 255),
  ]

  /// The index in a part of the palette that looks most like this. With a background, only those that can be told from it as well as this
  /// can, up to `contrast`; if none can, the one with most contrast.
  func nearest(in indices: ClosedRange<UInt8>, on background: RGB? = nil, contrast: Double = 1) -> UInt8 {
    var best: (index: UInt8, distance: Double)?
    var clearest = (index: indices.lowerBound, contrast: 0.0)
    let wanted = background.map { min(contrast, self.contrast(to: $0)) } ?? 0
    for index in indices {
      let candidate = RGB(xterm: index)
      if let background {
        let contrast = candidate.contrast(to: background)
        if contrast > clearest.contrast { clearest = (index, contrast) }
        guard contrast >= wanted else { continue }
      }
      let distance = distance(to: candidate)
      if distance < best?.distance ?? .infinity { best = (index, distance) }
    }
    return best?.index ?? clearest.index
  }
}

extension Colour {
  /// nil for the terminal's own default, which nobody knows.
  package var rgb: RGB? {
    switch self {
    case .default: nil
    case .ansi(let index): RGB(xterm: index)
    case .rgb(let red, let green, let blue): RGB(red, green, blue)
    }
  }
}
