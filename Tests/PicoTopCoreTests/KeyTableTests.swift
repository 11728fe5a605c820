import PicoTopCore
import Testing

@Suite struct KeyTableTests {
  @Test func `the defaults have no conflict and every action has one line`() throws {
    let table = try KeyTable()
    #expect(Set(KeyEntry.all.map(\.action)) == Set(Action.allCases))
    #expect(KeyEntry.all.count == Action.allCases.count)
    #expect(table.action(for: .character("x")) == .disconnect)
    #expect(table.action(for: .pageDown) == .pageDown)
  }

  @Test(
    arguments: [
      (["disconnect": ["Ctrl-X", "Del"]], nil),
      (["disconnect": ["q"]], "keys.disconnect: q is bound to quit too"),
      (["disconect": ["x"]], "keys.disconect: is no action; actions are up down"),
      (["quit": ["Hyper-Q"]], "keys.quit: \"Hyper-Q\" is no key"),
      (["quit": []], nil),
    ] as [([String: [String]], String?)])
  func `bindings are taken or refused with one line`(bindings: [String: [String]], message: String?) {
    do throws(KeyBindingError) {
      let table = try KeyTable(bindings: bindings)
      #expect(message == nil)
      for (name, keys) in bindings {
        for key in keys { #expect(Key(name: key).flatMap { table.action(for: $0) }?.rawValue == name) }
      }
    } catch {
      #expect(message.map { error.description.contains($0) } ?? false, "\(error)")
    }
  }

  @Test func `every key reads back by its name`() {
    for key in KeyEntry.all.flatMap(\.keys) { #expect(Key(name: key.name) == key) }
  }
}
