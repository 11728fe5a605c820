internal import Glibc
package import Logging
internal import Synchronization

/// The access log: lines from any thread, written by a thread of its own.
///
/// A caller appends to a buffer under a lock that is never held during a system call; the buffer is bounded, and what does not fit is dropped
/// and counted. A write that fails (a full disk) is logged once, what it held is dropped and counted, and the log goes on when writing
/// works again, with a line in the process's log that says how many were lost.
package final class AccessLog: Sendable {
  /// Where the lines go.
  package enum Destination: Sendable, Equatable {
    case standardOutput
    /// Created with mode 0640 if it is not there; appended to.
    case file(String)
  }

  private struct State {
    var pending: [UInt8] = []
    var lines: UInt64 = 0
    var dropped: UInt64 = 0
    var mustReopen = false
    var isClosing = false

    mutating func takePending() -> [UInt8] {
      var taken: [UInt8] = []
      swap(&taken, &pending)
      return taken
    }
  }

  /// The most bytes that wait to be written.
  package static let defaultCapacity = 4 << 20

  package let format: AccessLogFormat
  private let capacity: Int
  private let state = Locked(State())
  private let totalDropped = Atomic<UInt64>(0)
  private let wakeup = Wakeup()
  /// Until the thread takes it.
  private let writer: Locked<AccessLogWriter?>
  /// Until somebody joins it.
  private let thread = Locked<Thread?>(nil)

  /// Opens the destination and starts the thread. Throws `badConfiguration` with the path and the words of the system.
  package init(_ destination: Destination, format: AccessLogFormat, logger: Logger, capacity: Int = AccessLog.defaultCapacity)
    throws(PicoError)
  {
    self.format = format
    self.capacity = capacity
    writer = Locked(try AccessLogWriter(destination, logger: logger))
    _ = signal(SIGPIPE, SIG_IGN)
    let started = Thread.start { [self] in run() }
    guard let started else { throw PicoError(.internalError, "cannot start the thread of the access log", side: .internal) }
    thread.withLock { $0 = started }
  }

  /// Appends a line. `build` runs under the lock: it should only add fields. Nothing is allocated once the buffers have grown.
  package func write(at time: Timestamp = .now(), _ build: (inout AccessLogLine) -> Void) {
    let isFirst = state.withLock { state -> Bool in
      guard state.pending.count < capacity, !state.isClosing else {
        state.dropped &+= 1
        totalDropped.add(1, ordering: .relaxed)
        return false
      }
      let wasEmpty = state.pending.isEmpty
      var line = AccessLogLine(after: state.takePending(), format: format, time: time)
      build(&line)
      state.pending = line.end()
      state.lines &+= 1
      return wasEmpty
    }
    if isFirst { wakeup.post() }
  }

  /// Lines that were dropped since the start, because the buffer was full or a write failed.
  package var droppedLines: UInt64 { totalDropped.load(ordering: .relaxed) }

  /// Opens the file of the same path again, after a log rotation moved it. Has no effect on standard output.
  package func reopen() {
    state.withLock { $0.mustReopen = true }
    wakeup.post()
  }

  /// Writes what waits, for at most about a second where a reader stands still, and ends the thread. Later lines are dropped.
  package func close() {
    state.withLock { $0.isClosing = true }
    wakeup.post()
    guard let joined = thread.withLock({ $0.take() }) else { return }
    joined.join()
  }

  /// How long lines gather before they are written, in microseconds.
  private static let gathering: UInt32 = 20_000

  private func run() {
    guard var writer = writer.withLock({ $0.take() }) else { return }
    var spare: [UInt8] = []
    while true {
      wakeup.wait()
      if !state.withLock({ $0.isClosing }) { usleep(Self.gathering) }
      var batch = AccessLogBatch(bytes: spare)
      let (mustReopen, isClosing) = state.withLock { state in
        swap(&batch.bytes, &state.pending)
        batch.lines = state.lines
        batch.droppedBefore = state.dropped
        (state.lines, state.dropped) = (0, 0)
        defer { state.mustReopen = false }
        return (state.mustReopen, state.isClosing)
      }
      if mustReopen { writer.reopen() }
      let lost = writer.write(batch) { [self] in state.withLock { $0.isClosing } }
      totalDropped.add(lost, ordering: .relaxed)
      spare = batch.emptied()
      if isClosing { return }
    }
  }
}

/// Lines that were taken out of the buffer together.
struct AccessLogBatch {
  var bytes: [UInt8]
  var lines: UInt64 = 0
  /// Lines that found the buffer full.
  var droppedBefore: UInt64 = 0

  /// The buffer, empty, with its memory.
  mutating func emptied() -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &bytes)
    taken.removeAll(keepingCapacity: true)
    return taken
  }
}
