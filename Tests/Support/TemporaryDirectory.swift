import Glibc

/// A private directory, removed with all that is in it when the last reference goes.
package final class TemporaryDirectory: Sendable {
  package let path: String

  package init() throws {
    var template = Array("\(environmentVariable("TMPDIR") ?? "/tmp")/pico-test-XXXXXX".utf8CString)
    // mkdtemp rewrites the six letters in place, within the array.
    guard let made = unsafe template.withUnsafeMutableBufferPointer({ unsafe mkdtemp($0.baseAddress!).map { unsafe String(cString: $0) } })
    else { throw SystemCallFailed(call: "mkdtemp") }
    path = made
  }

  package func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file and returns its path.
  @discardableResult
  package func write(_ name: String, _ text: String) throws -> String {
    let file = path(name)
    let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemCallFailed(call: "open \(file)") }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }  // within the slice
      guard count > 0 else { throw SystemCallFailed(call: "write \(file)") }
      rest = rest.dropFirst(count)
    }
    return file
  }

  deinit {
    // A deinit cannot throw; what is left behind is under the temporary directory of the machine.
    guard let pid = try? spawn(["rm", "-rf", path], output: "/dev/null", error: "/dev/null", workingDirectory: "/", environment: [:])
    else { return }
    waitpid(pid, nil, 0)
  }
}

/// The text of a file, malformed UTF-8 replaced; empty if there is none.
package func readFile(_ path: String) -> String {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return "" }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = unsafe piece.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }  // within the array
    guard count > 0 else { break }
    bytes += piece[..<count]
  }
  return String(decoding: bytes, as: UTF8.self)
}
