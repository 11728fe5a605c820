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
  package func contrast(to other: RGB) -> Double { appearance.contrast(to: other.appearance) }

  /// How different two colours look: 0 is the same, about 1 is black and white.
  package func distance(to other: RGB) -> Double { appearance.distance(to: other.appearance) }

  private var appearance: Appearance { Appearance(linear) }

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
    let (wanted, ground) = (appearance, background?.appearance)
    var best: (index: UInt8, distance: Double)?
    var clearest: (index: UInt8, contrast: Double) = (indices.first ?? 0, 0)
    for index in indices {
      let candidate = Self.palette[Int(index)]
      let contrast = ground.map(candidate.contrast) ?? .infinity
      if contrast > clearest.contrast { clearest = (index, contrast) }
      guard contrast >= least, !wanted.differsInHue(from: candidate) else { continue }
      let distance = wanted.distance(to: candidate)
      if distance < best?.distance ?? .infinity { best = (index, distance) }
    }
    return best?.index ?? clearest.index
  }

  /// All of xterm's: every theme is brought to it, and working one out takes a while.
  private static let palette = (UInt8.min ... .max).map { RGB(xterm: $0).appearance }
}

/// What an eye makes of a colour: its luminance by WCAG 2.1, and its place in Oklab (Björn Ottosson, 2020), in which distances are as they look.
private struct Appearance {
  let luminance: Double
  let lightness: Double
  let a: Double
  let b: Double
  /// How far from grey.
  let chroma: Double

  init(_ light: (red: Double, green: Double, blue: Double)) {
    let (red, green, blue) = light
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    let long = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    let middle = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    let short = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    chroma = (a * a + b * b).squareRoot()
  }

  func contrast(to other: Appearance) -> Double {
    (max(luminance, other.luminance) + 0.05) / (min(luminance, other.luminance) + 0.05)
  }

  func distance(to other: Appearance) -> Double {
    let (lightness, a, b) = (lightness - other.lightness, a - other.a, b - other.b)
    return (lightness * lightness + a * a + b * b).squareRoot()
  }

  /// Whether both have a hue and it is not nearly the same: more than 60° apart.
  func differsInHue(from other: Appearance) -> Bool {
    guard chroma > 0.05, other.chroma > 0.05 else { return false }
    return a * other.a + b * other.b < 0.5 * chroma * other.chroma
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
