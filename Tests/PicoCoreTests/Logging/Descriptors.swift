import Glibc
import Testing

/// Both ends of a pipe, closed with it.
final class Pipe {
  let reading: Int32
  private(set) var writing: Int32

  init() throws {
    var ends: [Int32] = [0, 0]
    let result = unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress!) }
    try #require(result == 0)
    (reading, writing) = (ends[0], ends[1])
  }

  deinit {
    close(reading)
    if writing >= 0 { close(writing) }
  }

  /// What is in the pipe now.
  func available() -> String {
    var text = ""
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      var waiting = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&waiting, 1, 0) > 0 else { return text }
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(reading, $0.baseAddress, $0.count) }
      guard count > 0 else { return text }
      text += String(decoding: chunk[..<count], as: UTF8.self)
    }
  }

  /// Takes so many bytes out of the pipe.
  func drain(_ count: Int) {
    var chunk = [UInt8](repeating: 0, count: count)
    _ = unsafe chunk.withUnsafeMutableBytes { unsafe read(reading, $0.baseAddress, $0.count) }
  }

  /// Writes until the pipe takes no more.
  func fill() {
    let flags = fcntl(writing, F_GETFL)
    _ = fcntl(writing, F_SETFL, flags | O_NONBLOCK)
    let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 4096)
    while unsafe chunk.withUnsafeBytes({ unsafe write(writing, $0.baseAddress, $0.count) }) > 0 {}
    _ = fcntl(writing, F_SETFL, flags)
  }
}

/// A directory of its own, removed with it.
final class TemporaryDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/pico-core-XXXXXX".utf8CString)
    let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
    try #require(made)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in ["log", "old", "link"] { unsafe unlink("\(path)/\(name)") }
    unsafe rmdir(path)
  }

  func contents(of name: String) -> String {
    let descriptor = unsafe open("\(path)/\(name)", O_RDONLY)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }
}

/// Whether a condition comes true within half a minute.
func eventually(_ condition: () -> Bool) -> Bool {
  let clock = ContinuousClock()
  let deadline = clock.now + .seconds(30)
  while clock.now < deadline {
    if condition() { return true }
    usleep(2000)
  }
  return condition()
}
