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
    let (one, two) = (oklab, other.oklab)
    let (lightness, a, b) = (one.lightness - two.lightness, one.a - two.a, one.b - two.b)
    return (lightness * lightness + a * a + b * b).squareRoot()
  }

  /// Whether both have a hue and it is not nearly the same: more than 60° apart.
  private func differsInHue(from other: RGB) -> Bool {
    let (one, two) = (oklab, other.oklab)
    let (chroma, otherChroma) = (hypot(one.a, one.b), hypot(two.a, two.b))
    guard chroma > 0.05, otherChroma > 0.05 else { return false }
    return one.a * two.a + one.b * two.b < 0.5 * chroma * otherChroma
  }

  private var oklab: (lightness: Double, a: Double, b: Double) { Self.oklab(linear) }

  private static func oklab(_ light: (red: Double, green: Double, blue: Double)) -> (lightness: Double, a: Double, b: Double) {
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

  /// The one of some indices that looks most like this and is not of another hue. With a background, it has the contrast with it; if none
  /// has, it is the one with most.
  func nearest(in indices: [UInt8], on background: RGB? = nil, contrast least: Double = 1) -> UInt8 {
    var best: (index: UInt8, distance: Double)?
    var clearest: (index: UInt8, contrast: Double) = (indices.first ?? 0, 0)
    for index in indices {
      let candidate = RGB(xterm: index)
      let contrast = background.map(candidate.contrast) ?? .infinity
      if contrast > clearest.contrast { clearest = (index, contrast) }
      guard contrast >= least, !differsInHue(from: candidate) else { continue }
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
