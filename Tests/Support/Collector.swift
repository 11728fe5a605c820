package import NIOSSL
internal import PicoCore
internal import Synchronization

/// A collector of spans for tests: takes OTLP over HTTP and decodes it.
package final class Collector: Sendable {
  package struct Span: Sendable {
    /// Of the resource: `service.name` and more.
    package var resource: [String: String] = [:]
    /// IDs in hexadecimal; the parent's is empty for the first span of a trace.
    package var trace = ""
    package var id = ""
    package var parent = ""
    package var name = ""
    /// As the protocol counts: 1 internal, 2 server, 3 client.
    package var kind: UInt64 = 0
    package var startedAt: UInt64 = 0
    package var endedAt: UInt64 = 0
    /// Values as text.
    package var attributes: [String: String] = [:]
    /// As the protocol counts: 0 unset, 1 ok, 2 error.
    package var status: UInt64 = 0
    package var message = ""
    package var flags: UInt64 = 0
    package var events: [String] = []
    package var links: [String] = []

    package var service: String { resource["service.name"] ?? "" }
  }

  private let service: HTTPService

  private init(_ service: HTTPService) { self.service = service }

  /// - Parameter status: what each request is answered with, by the number of those that came before.
  package static func start(tls: NIOSSLContext? = nil, status: @escaping @Sendable (Int) -> Int = { _ in 200 }) async throws -> Collector {
    let count = Counter()
    return Collector(try await HTTPService.start(tls: tls) { _ in .init(status: status(count.next()), body: "") })
  }

  private final class Counter: Sendable {
    private let value = Locked(0)
    func next() -> Int {
      value.withLock {
        $0 += 1
        return $0 - 1
      }
    }
  }

  package var port: Int { service.port }
  package var requests: [HTTPService.Request] { service.requests }
  package func stop() async throws { try await service.stop() }

  /// Of all requests so far. Throws for what is no export.
  package func spans() throws -> [Span] { try requests.flatMap { try Self.decode($0.body) } }

  // MARK: ExportTraceServiceRequest

  private static func decode(_ bytes: [UInt8]) throws -> [Span] {
    var spans: [Span] = []
    for resourceSpans in try ProtobufReader.fields(bytes) where resourceSpans.number == 1 {
      var resource: [String: String] = [:]
      for part in try ProtobufReader.fields(resourceSpans.bytes) {
        switch part.number {
        case 1: resource = try attributes(part.bytes, field: 1)
        case 2:
          for field in try ProtobufReader.fields(part.bytes) where field.number == 2 {
            var span = try span(field.bytes)
            span.resource = resource
            spans.append(span)
          }
        default: break
        }
      }
    }
    return spans
  }

  private static func span(_ bytes: [UInt8]) throws -> Span {
    var span = Span()
    for field in try ProtobufReader.fields(bytes) {
      switch field.number {
      case 1: span.trace = Hexadecimal.text(field.bytes)
      case 2: span.id = Hexadecimal.text(field.bytes)
      case 4: span.parent = Hexadecimal.text(field.bytes)
      case 5: span.name = field.text
      case 6: span.kind = field.value
      case 7: span.startedAt = field.value
      case 8: span.endedAt = field.value
      case 11: span.events += try ProtobufReader.fields(field.bytes).filter { $0.number == 2 }.map(\.text)
      case 13: span.links += try ProtobufReader.fields(field.bytes).filter { $0.number == 2 }.map { Hexadecimal.text($0.bytes) }
      case 15:
        for part in try ProtobufReader.fields(field.bytes) {
          if part.number == 3 { span.status = part.value } else { span.message = part.text }
        }
      case 16: span.flags = field.value
      default: break
      }
    }
    span.attributes = try attributes(bytes, field: 9)
    return span
  }

  /// The KeyValues in that field of a message.
  private static func attributes(_ bytes: [UInt8], field: UInt64) throws -> [String: String] {
    var attributes: [String: String] = [:]
    for pair in try ProtobufReader.fields(bytes) where pair.number == field {
      let parts = try ProtobufReader.fields(pair.bytes)
      guard let key = parts.first(where: { $0.number == 1 }), let value = parts.first(where: { $0.number == 2 }) else {
        throw ProtobufReader.Malformed()
      }
      attributes[key.text] = try text(ofValue: value.bytes)
    }
    return attributes
  }

  /// An AnyValue.
  private static func text(ofValue bytes: [UInt8]) throws -> String {
    let parts = try ProtobufReader.fields(bytes)
    guard parts.count == 1, let value = parts.first else { throw ProtobufReader.Malformed() }
    switch value.number {
    case 1: return value.text
    case 2: return value.value == 0 ? "false" : "true"
    case 3: return "\(Int64(bitPattern: value.value))"
    case 4: return "\(Double(bitPattern: value.value))"
    case 5: return try ProtobufReader.fields(value.bytes).map { try text(ofValue: $0.bytes) }.joined(separator: ",")
    default: throw ProtobufReader.Malformed()
    }
  }
}

/// Takes a message of protocol buffers apart, without knowing what is in it.
enum ProtobufReader {
  struct Malformed: Error {}

  struct Field {
    var number: UInt64
    /// Of a varint or a fixed one.
    var value: UInt64 = 0
    /// Of a text, bytes or a message.
    var bytes: [UInt8] = []
    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  static func fields(_ bytes: [UInt8]) throws -> [Field] {
    var rest = bytes[...]
    var fields: [Field] = []
    func varint() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 70, by: 7) {
        guard let byte = rest.popFirst() else { throw Malformed() }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      throw Malformed()
    }
    func take(_ count: UInt64) throws -> [UInt8] {
      guard count <= rest.count else { throw Malformed() }
      defer { rest = rest.dropFirst(Int(count)) }
      return Array(rest.prefix(Int(count)))
    }
    while !rest.isEmpty {
      let tag = try varint()
      var field = Field(number: tag >> 3)
      switch tag & 7 {
      case 0: field.value = try varint()
      case 1: field.value = try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
      case 2: field.bytes = try take(try varint())
      case 5: field.value = try take(4).reversed().reduce(0) { $0 << 8 | UInt64($1) }
      default: throw Malformed()
      }
      fields.append(field)
    }
    return fields
  }
}
