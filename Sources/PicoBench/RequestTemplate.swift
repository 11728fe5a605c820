internal import NIOCore

/// The bytes of a request, built once and sent again and again.
struct RequestTemplate: Sendable {
  /// The head, and the body when it is at most one block.
  let first: ByteBuffer
  /// Body bytes that follow `first`.
  let bytesAfterFirst: Int
  /// What those are cut from.
  let block: ByteBuffer
  let isHead: Bool

  static let blockBytes = 64 * 1024

  init(_ configuration: BenchConfiguration) {
    var text = "\(configuration.method) \(configuration.target) HTTP/1.1\r\nHost: \(configuration.authority)\r\n"
    for header in configuration.headers { text += "\(header.name): \(header.value)\r\n" }
    if let endpoint = configuration.endpoint { text += "x-pico-endpoint: \(endpoint)\r\n" }
    if configuration.bodyBytes > 0 || ["POST", "PUT", "PATCH"].contains(configuration.method) {
      text += "Content-Length: \(configuration.bodyBytes)\r\n"
    }
    var first = ByteBuffer(string: text + "\r\n")
    if configuration.bodyBytes > 0, configuration.bodyBytes <= Self.blockBytes {
      first.writeRepeatingByte(UInt8(ascii: "x"), count: configuration.bodyBytes)
      bytesAfterFirst = 0
      block = ByteBuffer()
    } else {
      bytesAfterFirst = configuration.bodyBytes
      block = configuration.bodyBytes > 0 ? ByteBuffer(repeating: UInt8(ascii: "x"), count: Self.blockBytes) : ByteBuffer()
    }
    self.first = first
    isHead = configuration.method == "HEAD"
  }
}
