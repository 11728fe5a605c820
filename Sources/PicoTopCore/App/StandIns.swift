package enum ColourDepth: Hashable, Sendable { case trueColour, indexed256, indexed16, none }

package struct Theme: Equatable, Sendable {
  package var name = "default-dark"

  package init() {}

  package func style(_ role: Role, depth: ColourDepth) -> Style { Style() }
}

package struct TopSettings: Equatable, Sendable {
  package init() {}
}
