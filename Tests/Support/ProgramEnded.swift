/// A program that should have gone on, and what it said.
package struct ProgramEnded: Error, CustomStringConvertible {
  package var name: String
  package var code: Int32
  package var said: String

  package init(name: String, code: Int32, said: String) {
    self.name = name
    self.code = code
    self.said = said
  }

  package var description: String { "\(name) ended with \(code): \(said.suffix(1000))" }
}
