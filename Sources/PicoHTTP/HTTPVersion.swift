/// The versions that are read as text. Any other one is a fault.
package enum HTTPVersion: UInt8, Equatable, Sendable {
  case http10
  case http11
}
