/// What a line in Combined Log Format says of a request. Texts are as they came.
package struct CombinedLogEntry: Sendable {
  package var client: String
  package var method: String
  package var target: String
  /// `HTTP/1.1`.
  package var version: String
  package var status: UInt64
  /// Of the response's body.
  package var bytesOut: UInt64
  /// Empty where the request has none.
  package var referer: String
  package var userAgent: String

  package init(
    client: String, method: String, target: String, version: String, status: UInt64, bytesOut: UInt64, referer: String, userAgent: String
  ) {
    self.client = client
    self.method = method
    self.target = target
    self.version = version
    self.status = status
    self.bytesOut = bytesOut
    self.referer = referer
    self.userAgent = userAgent
  }
}

extension AccessLogLine {
  /// The whole line: `192.0.2.1 - - [24/Nov/2026:10:00:00 +0000] "GET /a?b HTTP/1.1" 200 5 "http://example.com/" "curl/8.0"`.
  ///
  /// Source: the Apache HTTP Server's documentation of mod_log_config, "Combined Log Format". What is absent is `-`. In quotes `"` and `\` have
  /// a backslash in front, and what is unsafe to display is `\\u{…}`, so that a reader who takes one backslash away sees what every other log
  /// of Pico's shows. The name of a user, which Apache takes from its own passwords, is always absent.
  package mutating func combined(_ entry: CombinedLogEntry) {
    append(word: entry.client)
    bytes += " - - [".utf8
    time.appendCommonLog(to: &bytes)
    bytes += "] \"".utf8
    appendInQuotes(entry.method)
    // A request that could not be read has neither.
    if entry.target != "-" {
      bytes.append(UInt8(ascii: " "))
      appendInQuotes(entry.target)
      bytes.append(UInt8(ascii: " "))
      appendInQuotes(entry.version)
    }
    bytes += "\" \(entry.status) ".utf8
    bytes += (entry.bytesOut == 0 ? "-" : "\(entry.bytesOut)").utf8
    for text in [entry.referer, entry.userAgent] {
      bytes += " \"".utf8
      appendInQuotes(text.isEmpty ? "-" : text)
      bytes.append(UInt8(ascii: "\""))
    }
  }

  /// Without blanks, which would begin the next field.
  private mutating func append(word: String) {
    let start = bytes.count
    LogText.appendDisplay(word.isEmpty ? "-" : word, to: &bytes)
    for index in start..<bytes.count where bytes[index] == 0x20 { bytes[index] = UInt8(ascii: "_") }
  }

  private mutating func appendInQuotes(_ text: String) {
    var escaped: [UInt8] = []
    let isCut = text.utf8.count > Self.maximumValue
    LogText.appendDisplay(isCut ? String(decoding: text.utf8.prefix(Self.maximumValue), as: UTF8.self) + "…" : text, to: &escaped)
    for byte in escaped {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
      bytes.append(byte)
    }
  }
}
