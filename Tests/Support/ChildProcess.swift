package import Glibc
import Synchronization

/// A program that a test started, with standard output and error in files of its stage.
///
/// It is killed when its stage is left, and at the latest when the test process exits.
package final class ChildProcess: Sendable {
  package let name: String
  package let pid: pid_t
  private let outputPath: String
  private let errorPath: String
  private let status = Mutex<Int32?>(nil)

  /// - Parameter command: a program, found through PATH unless it has a slash, and its arguments.
  package init(
    _ name: String, _ command: [String], in directory: TemporaryDirectory, environment: [String: String] = [:]
  ) throws {
    self.name = name
    let number = ChildProcess.numbers.wrappingAdd(1, ordering: .relaxed).newValue
    outputPath = directory.path("\(name)-\(number).out")
    errorPath = directory.path("\(name)-\(number).err")
    pid = try spawn(command, output: outputPath, error: errorPath, workingDirectory: directory.path, environment: environment)
    StartedProcesses.add(pid)
  }

  private static let numbers = Atomic<Int>(0)

  package var output: String { readFile(outputPath) }
  package var errorOutput: String { readFile(errorPath) }

  /// The exit code, or 128 plus the signal that ended it as a shell would say; nil while it runs.
  package var exitCode: Int32? {
    status.withLock { known in
      if known == nil {
        var raw: Int32 = 0
        let reaped = unsafe waitpid(pid, &raw, WNOHANG)  // writes one Int32 that lives through the call
        if reaped == pid {
          known = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
          StartedProcesses.remove(pid)
        }
      }
      return known
    }
  }

  package var isRunning: Bool { exitCode == nil }

  package func send(_ signal: Int32) {
    if isRunning { kill(pid, signal) }
  }

  /// Waits for the end and returns the exit code.
  package func wait(within seconds: Double = 40) async throws -> Int32 {
    try await eventually("the end of \(name): \(errorOutput.suffix(500))", within: seconds) { !isRunning }
    return exitCode ?? -1
  }

  /// Ends the process at once, and reaps it.
  package func end() {
    for _ in 0..<500 where isRunning {
      kill(pid, SIGKILL)
      usleep(2000)
    }
  }
}

/// Starts a program with its own standard streams, environment and working directory. `env` changes to the directory and then becomes the
/// program, so the process ID is the program's.
func spawn(
  _ command: [String], output: String, error: String, workingDirectory: String, environment: [String: String]
) throws -> pid_t {
  // Every pointer below is to memory that is owned here and freed only after posix_spawnp has copied it.
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  unsafe posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_TRUNC, 0o600)

  var attributes = posix_spawnattr_t()
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  // The test runner ignores or blocks some signals; a child starts with none of that.
  var none = sigset_t()
  var all = sigset_t()
  unsafe sigemptyset(&none)
  unsafe sigfillset(&all)
  unsafe posix_spawnattr_setsigmask(&attributes, &none)
  unsafe posix_spawnattr_setsigdefault(&attributes, &all)
  unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

  var variables: [String] = ["SWIFT_BACKTRACE=enable=no"]
  for name in ["PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "TSAN_OPTIONS"] where environment[name] == nil {
    if let value = environmentVariable(name) { variables.append("\(name)=\(value)") }
  }
  variables += environment.map { "\($0.key)=\($0.value)" }

  let words = unsafe (["env", "-C", workingDirectory] + command).map { unsafe strdup($0) } + [nil]
  let settings = unsafe variables.map { unsafe strdup($0) } + [nil]
  defer {
    unsafe words.forEach { unsafe free($0) }
    unsafe settings.forEach { unsafe free($0) }
  }
  var pid: pid_t = 0
  let result = unsafe posix_spawnp(&pid, "env", &actions, &attributes, words, settings)
  guard result == 0 else { throw SystemCallFailed(call: "posix_spawnp \(command[0])", code: result) }
  return pid
}

/// The processes that still run, so that none outlives the test process, however that ends short of a crash.
private enum StartedProcesses {
  private static let running = Mutex<Set<pid_t>>([])
  private static let registered: Void = {
    atexit { StartedProcesses.running.withLock { for pid in $0 { kill(pid, SIGKILL) } } }
  }()

  static func add(_ pid: pid_t) {
    _ = registered
    running.withLock { _ = $0.insert(pid) }
  }

  static func remove(_ pid: pid_t) {
    running.withLock { _ = $0.remove(pid) }
  }
}
