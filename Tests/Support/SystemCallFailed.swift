import Glibc

/// A call to the operating system that a test needs and that failed.
package struct SystemCallFailed: Error, CustomStringConvertible {
  package var call: String
  package var code: Int32

  package init(call: String, code: Int32 = errno) {
    self.call = call
    self.code = code
  }

  package var description: String {
    let text = unsafe String(cString: strerror(code))  // a static string of the C library
    return "\(call): \(text)"
  }
}

package func environmentVariable(_ name: String) -> String? {
  // The value is copied at once; nothing in the tests changes the environment.
  guard let value = unsafe getenv(name) else { return nil }
  return unsafe String(cString: value)
}
