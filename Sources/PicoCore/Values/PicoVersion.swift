/// The version of this build.
package enum PicoVersion {
  package static let current = "0.1.0"
}
