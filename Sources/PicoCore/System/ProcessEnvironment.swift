internal import Glibc

/// The environment of this process.
package enum ProcessEnvironment {
  package static var current: [String: String] {
    var variables: [String: String] = [:]
    // `environ` is an array of C strings that ends in nil. Nothing of ours writes to it.
    var next = unsafe environ
    while let entry = unsafe next.pointee {
      let parts = unsafe String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
      unsafe next += 1
    }
    return variables
  }
}
