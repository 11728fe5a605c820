internal import Glibc
internal import PicoCore
internal import PicoTopCore

/// Writes a recording. What it holds is what an operator sees, so only its owner may read it.
final class Recorder {
  private let path: String
  private let descriptor: Int32

  /// Why recording ended early.
  private(set) var failure: PicoError?

  /// What was in the file is gone.
  init(path: String, servers: [String]) throws(PicoError) {
    self.path = path
    // The path lives through the call.
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure(path) }
    // A file that was there may have been open to others.
    fchmod(descriptor, 0o600)
    write(RecordingWriter.line(Recording.Header(started: .now(), servers: servers)))
    if let failure { throw failure }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func add(_ entry: Recording.Entry) { if failure == nil { write(RecordingWriter.line(entry)) } }

  private func write(_ line: [UInt8]) {
    if !StandardStream.write(line[...], to: descriptor) { failure = Self.failure(path) }
  }

  private static func failure(_ path: String) -> PicoError {
    PicoError(.badConfiguration, "--record: \(path): \(SystemErrorText.text(errno))", side: .internal)
  }
}

enum RecordingFile {
  /// Reads all of it. A last line that was cut short is left out, with a notice.
  static func read(_ path: String) throws(PicoError) -> (player: ReplayPlayer, notice: String?) {
    // The path lives through the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw PicoError(.badConfiguration, "--replay: \(path): \(SystemErrorText.text(errno))", side: .internal)
    }
    defer { close(descriptor) }
    var reader = RecordingReader(file: path)
    var entries: [Recording.Entry] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    do {
      while true {
        // The system writes at most the array.
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        if count < 0 { throw PicoError(.badConfiguration, "--replay: \(path): \(SystemErrorText.text(errno))", side: .internal) }
        if count == 0 { break }
        entries += try reader.read(buffer[..<count])
      }
      let (last, notice) = try reader.finish()
      if let last { entries.append(last) }
      guard let header = reader.header else { throw PicoError(.malformedResponse, "--replay: \(path) is empty", side: .upstream) }
      return (ReplayPlayer(header: header, entries: entries), notice)
    } catch let error as PicoError {
      throw error
    } catch {
      throw PicoError(.malformedResponse, "--replay: \(error)", side: .upstream)
    }
  }
}
