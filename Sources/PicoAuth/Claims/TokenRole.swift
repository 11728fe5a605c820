/// What a token lets its bearer do on the admin port.
package enum TokenRole: String, Sendable {
  /// May look.
  case viewer
  /// May also disconnect, block and tail.
  case `operator`
}
