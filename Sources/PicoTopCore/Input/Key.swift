/// One press of a key, as a person names it.
package enum Key: Hashable, Sendable {
  case character(Character)
  /// Control with a lower-case letter, or with one of `[ \ ] ^ _ @`.
  case control(Character)
  case up, down, left, right, home, end, pageUp, pageDown, enter, escape, tab, backTab, backspace, delete, insert
  /// From 1.
  case function(Int)
}

package struct MouseEvent: Hashable, Sendable {
  package enum Action: Hashable, Sendable { case press, doublePress, wheelUp, wheelDown }

  package var action: Action
  package var position: Grid.Position

  package init(action: Action, position: Grid.Position) {
    self.action = action
    self.position = position
  }
}
