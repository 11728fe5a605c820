internal import PicoCore
internal import PicoStatus

/// Reads a recording piece by piece, as large ones are read from a file.
package struct RecordingReader: Sendable {
  /// nil until the first line is whole.
  package private(set) var header: Recording.Header?
  /// For messages.
  private let file: String
  private var line = 0
  /// Of a line that is not whole yet.
  private var rest: [UInt8] = []
  private var latest = 0

  package init(file: String) { self.file = file }

  /// The entries that end in these bytes. After an error nothing more is read.
  package mutating func read(_ bytes: some Collection<UInt8>) throws(RecordingError) -> [Recording.Entry] {
    var entries: [Recording.Entry] = []
    var remaining = bytes[...]
    while let end = remaining.firstIndex(of: 0x0A) {
      rest += remaining[..<end]
      remaining = remaining[remaining.index(after: end)...]
      if let entry = try takeLine() { entries.append(entry) }
    }
    rest += remaining
    guard rest.count <= Recording.maximumLine else { throw tooLong }
    return entries
  }

  /// What is behind the last line feed: nothing, a whole entry, or one that was cut short, as it is when the recorder was ended; that is dropped and
  /// `notice` says so. Throws when there was not even a header.
  package mutating func finish() throws(RecordingError) -> (entry: Recording.Entry?, notice: String?) {
    let isPart = !rest.isEmpty
    var entry: Recording.Entry?
    var notice: String?
    do throws(RecordingError) {
      if isPart { entry = try takeLine() }
    } catch {
      guard header != nil else { throw error }
      notice = "\(file):\(line): the last line is cut short and left out".escapedForDisplay
    }
    guard header != nil else { throw RecordingError(file, line: 1, "is empty, not a recording") }
    return (entry, notice)
  }

  /// All of a recording at once.
  package static func read(
    _ bytes: [UInt8], file: String
  ) throws(RecordingError) -> (header: Recording.Header, entries: [Recording.Entry], notice: String?) {
    var reader = RecordingReader(file: file)
    var entries = try reader.read(bytes)
    let (last, notice) = try reader.finish()
    if let last { entries.append(last) }
    guard let header = reader.header else { throw RecordingError(file, line: 1, "is empty, not a recording") }
    return (header, entries, notice)
  }

  // MARK: Lines

  private var tooLong: RecordingError { RecordingError(file, line: line + 1, "a line of more than \(Recording.maximumLine >> 20) MiB") }

  private mutating func takeLine() throws(RecordingError) -> Recording.Entry? {
    guard rest.count <= Recording.maximumLine else { throw tooLong }
    line += 1
    var text: [UInt8] = []
    swap(&text, &rest)
    if text.last == 0x0D { text.removeLast() }
    guard !text.isEmpty else { return nil }
    do throws(JSONError) {
      guard header != nil else {
        header = try Self.header(text)
        return nil
      }
      let entry = try entry(text)
      latest = entry.milliseconds
      return entry
    } catch {
      throw RecordingError(file, line: line, error.description)
    }
  }

  private static func header(_ text: [UInt8]) throws(JSONError) -> Recording.Header {
    var reader = JSONReader(text)
    var version: Int?
    var header = Recording.Header(started: Timestamp(seconds: 0), servers: [])
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "pico-recording": version = try reader.integer()
      case "started": header.started = try Timestamp(from: &reader)
      case "servers": header.servers = try [String](from: &reader)
      default: try reader.skip()
      }
    }
    try reader.end()
    guard let version else { throw reader.failure("not a recording of pico-top") }
    guard version == Recording.version else {
      throw reader.failure("a recording of version \(version), and this pico-top reads \(Recording.version)")
    }
    return header
  }

  private func entry(_ text: [UInt8]) throws(JSONError) -> Recording.Entry {
    var reader = JSONReader(text)
    var time: Int?
    var server = 0
    var message: [UInt8]?
    var connection: String?
    var reason = ""
    var retry = 0.0
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "t": time = try reader.integer()
      case "server": server = try reader.integer()
      case "message": message = try reader.text()
      case "connection": connection = try reader.string()
      case "reason": reason = try reader.string()
      case "retry_ms": retry = try reader.number()
      default: try reader.skip()
      }
    }
    try reader.end()
    guard let time, time >= 0 else { throw reader.failure("an entry without a time") }
    guard let header, header.servers.indices.contains(server) else { throw reader.failure("there is no server \(server) in the header") }
    let event: Recording.Entry.Event
    switch (message, connection) {
    case (let message?, nil): event = .message(try ServerMessage(json: message))
    case (nil, "connecting"): event = .connection(.connecting)
    case (nil, "connected"): event = .connection(.connected)
    case (nil, "lost"): event = .connection(.lost(reason: reason, retrySeconds: retry / 1000))
    default: throw reader.failure("an entry needs a message or a connection")
    }
    // A clock that was set back while recording does not turn the order of the entries.
    return Recording.Entry(milliseconds: max(time, latest), server: server, event: event)
  }
}
