import Glibc
import Synchronization

/// The real binary beside programs that we did not write, in a directory of their own. Everything ends with the stage.
package final class Stage: Sendable {
  package let directory: TemporaryDirectory
  private let children = Mutex<[ChildProcess]>([])

  package init() throws {
    directory = try TemporaryDirectory()
  }

  deinit {
    for child in children.withLock({ $0 }).reversed() { child.end() }
  }

  /// Where the `pico` under test is: PICO_BINARY, else beside the test bundle.
  package static let pico = environmentVariable("PICO_BINARY") ?? beside("pico")

  /// Where the `pico-top` under test is: PICO_TOP_BINARY, else beside the test bundle.
  package static let picoTop = environmentVariable("PICO_TOP_BINARY") ?? beside("pico-top")

  private static func beside(_ name: String) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)  // writes at most the array
    let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let folders = [own] + CommandLine.arguments
    for path in folders {
      guard let slash = path.lastIndex(of: "/") else { continue }
      let beside = path[..<slash] + "/" + name
      if unsafe access(String(beside), X_OK) == 0 { return String(beside) }
    }
    return name
  }

  /// The Python that has `requests` and `websockets`: PICO_PYTHON, else what Tests/run.sh made, else the system's.
  package static let python: String = {
    if let given = environmentVariable("PICO_PYTHON") { return given }
    let made = "\(root)/.build-venv/bin/python3"
    return unsafe access(made, X_OK) == 0 ? made : "python3"
  }()

  /// The package's folder.
  package static let root: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
  }()

  @discardableResult
  package func start(_ name: String, _ command: [String], environment: [String: String] = [:]) throws -> ChildProcess {
    let child = try ChildProcess(name, command, in: directory, environment: environment)
    children.withLock { $0.append(child) }
    return child
  }

  /// Starts a program that serves on `port`, and waits until it accepts there.
  @discardableResult
  package func serve(_ name: String, _ command: [String], port: Int, environment: [String: String] = [:]) async throws -> ChildProcess {
    let child = try start(name, command, environment: environment)
    try await eventually("\(name) on port \(port): \(child.errorOutput)", within: 20) { !child.isRunning || accepts(port) }
    guard child.isRunning else { throw ProgramEnded(name: name, code: child.exitCode ?? -1, said: child.output + child.errorOutput) }
    return child
  }

  /// Runs a program to its end.
  package func run(
    _ name: String, _ command: [String], within seconds: Double = 60, environment: [String: String] = [:]
  ) async throws -> (code: Int32, output: String, error: String) {
    let child = try start(name, command, environment: environment)
    let code = try await child.wait(within: seconds)
    return (code, child.output, child.errorOutput)
  }
}
