internal import Glibc
internal import Logging

/// The end of an access log that touches the descriptor. Used by one thread.
struct AccessLogWriter: ~Copyable {
  private let path: String?
  private let logger: Logger
  private var descriptor: Int32
  private var isRegularFile: Bool
  /// Whether the last line was cut, so that the next must begin with a newline.
  private var isTorn = false
  /// Whether the last write failed, and how many lines were lost since one got through.
  private var isFailing = false
  private var lost: UInt64 = 0

  /// How long a reader that stands still is waited for before the lines of a batch are dropped, in steps of this many milliseconds.
  private static let step: Int32 = 100
  /// Steps of patience while the log is being closed.
  private static let stepsAtClose = 10

  init(_ destination: AccessLog.Destination, logger: Logger) throws(PicoError) {
    self.logger = logger
    switch destination {
    case .standardOutput:
      path = nil
      descriptor = STDOUT_FILENO
    case .file(let path):
      self.path = path
      descriptor = Self.open(path)
      guard descriptor >= 0 else {
        throw PicoError(
          .badConfiguration, "access log \(path) cannot be opened: \(DescriptorWriter.text(of: errno))", side: .internal)
      }
    }
    isRegularFile = DescriptorWriter.isRegularFile(descriptor)
  }

  deinit {
    if path != nil { close(descriptor) }
  }

  private static func open(_ path: String) -> Int32 {
    // The text has no NUL but the one that String adds, or open(2) sees a shorter path.
    unsafe path.withCString { unsafe Glibc.open($0, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o640) }
  }

  /// Keeps the old file when the new one cannot be opened.
  mutating func reopen() {
    guard let path else { return }
    let new = Self.open(path)
    guard new >= 0 else {
      logger.error(
        "access log cannot be opened again", metadata: ["path": "\(path)", "error": "\(DescriptorWriter.text(of: errno))"])
      return
    }
    close(descriptor)
    descriptor = new
    isRegularFile = DescriptorWriter.isRegularFile(new)
    isTorn = false
  }

  /// Writes a batch and returns the lines of it that were lost. `isClosing` bounds the wait for a reader that stands still.
  mutating func write(_ batch: AccessLogBatch, isClosing: () -> Bool) -> UInt64 {
    lost += batch.droppedBefore
    guard !batch.bytes.isEmpty else { return 0 }
    var rest = batch.bytes[...]
    var failure: Int32 = 0
    if isTorn { failure = put([UInt8(ascii: "\n")], isClosing).error }
    if failure == 0 {
      let result = put(rest, isClosing)
      rest = rest.dropFirst(result.written)
      failure = result.error
      if result.written > 0 { isTorn = rest.startIndex > 0 && batch.bytes[rest.startIndex - 1] != UInt8(ascii: "\n") }
    }
    let lostNow = UInt64(rest.count { $0 == UInt8(ascii: "\n") })
    lost += lostNow
    report(failure)
    return lostNow
  }

  private func put(_ bytes: ArraySlice<UInt8>, _ isClosing: () -> Bool) -> (written: Int, error: Int32) {
    var written = 0
    var steps = 0
    while true {
      let result = DescriptorWriter.write(
        bytes.dropFirst(written), to: descriptor, atOnce: isRegularFile ? 1 << 20 : DescriptorWriter.pipeQuantum, patience: Self.step)
      written += result.written
      guard result.error == EAGAIN else { return (written, result.error) }
      steps = result.written > 0 ? 0 : steps + 1
      if isClosing(), steps >= Self.stepsAtClose { return (written, EAGAIN) }
    }
  }

  /// Says once that writing fails, and once that it works again.
  private mutating func report(_ failure: Int32) {
    let name = path ?? "standard output"
    if failure != 0 {
      if !isFailing {
        logger.error(
          "access log cannot be written; lines are dropped",
          metadata: ["path": "\(name)", "error": "\(DescriptorWriter.text(of: failure))"])
      }
      isFailing = true
    } else if isFailing || lost > 0 {
      logger.warning("access log lines were dropped", metadata: ["path": "\(name)", "count": "\(lost)"])
      isFailing = false
      lost = 0
    }
  }
}
