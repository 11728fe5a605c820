internal import PicoCore
internal import PicoStatus

/// Gives the lines of a recording as bytes, each with its line feed.
package enum RecordingWriter {
  package static func line(_ header: Recording.Header) -> [UInt8] {
    line { writer in
      writer.member("pico-recording", Recording.version)
      writer.member("started", header.started)
      writer.member("servers", header.servers)
    }
  }

  package static func line(_ entry: Recording.Entry) -> [UInt8] {
    switch entry.event {
    case .message(let message): line(milliseconds: entry.milliseconds, server: entry.server, json: message.json)
    case .connection(let state):
      line { writer in
        writeStart(entry.milliseconds, entry.server, &writer)
        switch state {
        case .connecting: writer.member("connection", "connecting")
        case .connected: writer.member("connection", "connected")
        case .lost(let reason, let retrySeconds):
          writer.member("connection", "lost")
          writer.member("reason", reason)
          writer.member("retry_ms", retrySeconds.isFinite ? retrySeconds * 1000 : 0)
        }
      }
    }
  }

  /// A message as it came, so that what this version does not know is kept too. `json` is a whole JSON value.
  package static func line(milliseconds: Int, server: Int, json: [UInt8]) -> [UInt8] {
    line { writer in
      writeStart(milliseconds, server, &writer)
      // A line feed in JSON stands between values, where a blank does as well.
      let json = json.contains { $0 == 0x0A || $0 == 0x0D } ? json.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } : json
      writer.key("message")
      writer.value(json)
    }
  }

  private static func writeStart(_ milliseconds: Int, _ server: Int, _ writer: inout JSONWriter) {
    writer.member("t", milliseconds)
    writer.member("server", server)
  }

  private static func line(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.object(members)
    return writer.bytes + [0x0A]
  }
}
