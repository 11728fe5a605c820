/// One line of an access log while it is built, straight into the bytes that will be written. Names of fields are ours, values need not be.
package struct AccessLogLine: ~Copyable {
  /// Lines already there, and this one behind them.
  var bytes: [UInt8]
  private let format: AccessLogFormat
  let time: Timestamp

  /// The most bytes of a value that are logged; what is cut ends in `…`.
  package static let maximumValue = 4096

  init(after bytes: consuming [UInt8], format: AccessLogFormat, time: Timestamp) {
    self.bytes = bytes
    self.format = format
    self.time = time
    switch format {
    case .text: time.append(to: &self.bytes)
    case .json:
      append("{\"time\":\"")
      time.append(to: &self.bytes)
      self.bytes.append(UInt8(ascii: "\""))
    // Its time stands in the middle.
    case .combined: break
    }
  }

  /// Ends the line and gives all bytes back.
  consuming func end() -> [UInt8] {
    if format == .json { bytes.append(UInt8(ascii: "}")) }
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  /// A value as it came from the wire. Bytes that are no UTF-8 become U+FFFD.
  package mutating func field(_ name: StaticString, bytes value: UnsafeRawBufferPointer) {
    begin(name)
    unsafe append(value)
  }

  /// As above with a name that the configuration gave, such as a header's.
  package mutating func field(name: String, bytes value: UnsafeRawBufferPointer) {
    begin(name)
    unsafe append(value)
  }

  package mutating func field(_ name: StaticString, _ value: String) {
    begin(name)
    appendText(value)
  }

  package mutating func field(_ name: StaticString, _ value: UInt64) {
    begin(name)
    append(value)
  }

  /// Printed in milliseconds with three digits behind the point: `duration_ms=1.234`. The name should end in `_ms`.
  package mutating func field(_ name: StaticString, nanoseconds: UInt64) {
    begin(name)
    let microseconds = nanoseconds / 1000
    append(microseconds / 1000)
    bytes.append(UInt8(ascii: "."))
    let fraction = microseconds % 1000
    for digit in [fraction / 100, fraction / 10 % 10, fraction % 10] { bytes.append(0x30 + UInt8(digit)) }
  }

  package mutating func field(_ name: StaticString, _ value: RequestID) {
    begin(name)
    if format == .json { bytes.append(UInt8(ascii: "\"")) }
    for half in [value.high, value.low] {
      for index in 0..<16 { bytes.append(Hexadecimal.digit(half >> UInt64(60 - 4 * index))) }
    }
    if format == .json { bytes.append(UInt8(ascii: "\"")) }
  }

  private mutating func begin(_ name: StaticString) {
    bytes.append(format == .json ? UInt8(ascii: ",") : 0x20)
    if format == .json { bytes.append(UInt8(ascii: "\"")) }
    append(name)
    if format == .json { bytes.append(UInt8(ascii: "\"")) }
    bytes.append(format == .json ? UInt8(ascii: ":") : UInt8(ascii: "="))
  }

  private mutating func begin(_ name: String) {
    bytes.append(format == .json ? UInt8(ascii: ",") : 0x20)
    switch format {
    case .json: LogText.appendJSON(name, to: &bytes)
    case .text, .combined: LogText.appendDisplay(name, to: &bytes)
    }
    bytes.append(format == .json ? UInt8(ascii: ":") : UInt8(ascii: "="))
  }

  private mutating func append(_ text: StaticString) {
    // A StaticString of more than one scalar has its bytes in memory that is never freed.
    text.withUTF8Buffer { buffer in
      for index in buffer.indices { bytes.append(unsafe buffer[index]) }
    }
  }

  private mutating func append(_ value: UnsafeRawBufferPointer) {
    var isPlain = value.count <= Self.maximumValue
    var needsQuotes = format == .json || value.count == 0
    for index in value.indices where isPlain {
      let byte = unsafe value[index]
      isPlain = LogText.isPlain(byte)
      needsQuotes = needsQuotes || byte == 0x20 || byte == UInt8(ascii: "=")
    }
    guard isPlain else {
      // Rare, so it may allocate.
      appendText(unsafe String(decoding: value.prefix(Self.maximumValue), as: UTF8.self) + (value.count > Self.maximumValue ? "…" : ""))
      return
    }
    if needsQuotes { bytes.append(UInt8(ascii: "\"")) }
    for index in value.indices { bytes.append(unsafe value[index]) }
    if needsQuotes { bytes.append(UInt8(ascii: "\"")) }
  }

  private mutating func appendText(_ text: String) {
    switch format {
    case .json: LogText.appendJSON(text, to: &bytes)
    case .text, .combined: LogText.appendValue(text, to: &bytes)
    }
  }

  private mutating func append(_ number: UInt64) {
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes.append(0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }
}
