internal import Glibc

/// The system's words for an error number.
package enum SystemErrorText {
  package static func text(_ code: Int32) -> String {
    // glibc's strerror answers with a constant text, or one of this thread, that ends with NUL.
    unsafe String(cString: strerror(code))
  }
}
