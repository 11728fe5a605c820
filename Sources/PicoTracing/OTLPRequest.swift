internal import PicoHTTP
internal import Tracing

/// The body of one export. Source: opentelemetry-proto 1.x, `ExportTraceServiceRequest` and what is in it; numbers are those of its fields.
enum OTLPRequest {
  static let contentType = "application/x-protobuf"

  /// - Parameter resource: who has made the spans, `service.name` and more.
  static func bytes(_ spans: some Collection<FinishedSpan>, resource: [(name: String, value: String)], version: String) -> [UInt8] {
    var request = ProtobufWriter()
    request.message(1) { resourceSpans in
      resourceSpans.message(1) { message in
        for attribute in resource { message.attribute(1, attribute.name, .string(attribute.value)) }
      }
      resourceSpans.message(2) { scopeSpans in
        scopeSpans.message(1) { scope in
          scope.text(1, "pico")
          scope.text(2, version)
        }
        for span in spans { scopeSpans.message(2) { $0.span(span) } }
      }
    }
    return request.bytes
  }
}

extension ProtobufWriter {
  fileprivate mutating func span(_ span: FinishedSpan) {
    bytes(1, Self.bigEndian(span.context.traceHigh) + Self.bigEndian(span.context.traceLow))
    bytes(2, Self.bigEndian(span.context.spanID))
    if let parent = span.parent { bytes(4, Self.bigEndian(parent)) }
    text(5, span.name)
    varint(6, Self.number(span.kind))
    fixed64(7, span.startedAt)
    fixed64(8, span.endedAt)
    attributes(9, span.attributes)
    for event in span.events {
      message(11) { message in
        message.fixed64(1, event.nanosecondsSinceEpoch)
        message.text(2, event.name)
        message.attributes(3, event.attributes)
      }
    }
    for link in span.links {
      guard let context = link.context.traceContext else { continue }
      message(13) { message in
        message.bytes(1, Self.bigEndian(context.traceHigh) + Self.bigEndian(context.traceLow))
        message.bytes(2, Self.bigEndian(context.spanID))
        message.attributes(4, link.attributes)
      }
    }
    if let status = span.status {
      message(15) { message in
        if let text = status.message { message.text(2, text) }
        message.varint(3, status.code == .ok ? 1 : 2)
      }
    }
    fixed32(16, span.context.isSampled ? 1 : 0)
  }

  private static func bigEndian(_ value: UInt64) -> [UInt8] {
    stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
  }

  private static func number(_ kind: SpanKind) -> UInt64 {
    switch kind {
    case .internal: 1
    case .server: 2
    case .client: 3
    case .producer: 4
    case .consumer: 5
    }
  }

  private mutating func attributes(_ field: UInt64, _ attributes: SpanAttributes) {
    attributes.forEach { attribute(field, $0, $1) }
  }

  fileprivate mutating func attribute(_ field: UInt64, _ name: String, _ value: SpanAttribute) {
    message(field) { message in
      message.text(1, name)
      message.message(2) { $0.value(value) }
    }
  }

  /// Exactly one field, also where the value is zero or empty.
  private mutating func value(_ value: SpanAttribute) {
    switch value {
    case .string(let value): text(1, value)
    case .bool(let value): varint(2, value ? 1 : 0)
    case .int32(let value): varint(3, UInt64(bitPattern: Int64(value)))
    case .int64(let value): varint(3, UInt64(bitPattern: value))
    case .double(let value): fixed64(4, value.bitPattern)
    case .stringArray(let values): list(values) { $0.text(1, $1) }
    case .boolArray(let values): list(values) { $0.varint(2, $1 ? 1 : 0) }
    case .int32Array(let values): list(values) { $0.varint(3, UInt64(bitPattern: Int64($1))) }
    case .int64Array(let values): list(values) { $0.varint(3, UInt64(bitPattern: $1)) }
    case .doubleArray(let values): list(values) { $0.fixed64(4, $1.bitPattern) }
    case .stringConvertible(let value): text(1, "\(value)")
    case .stringConvertibleArray(let values): list(values) { $0.text(1, "\($1)") }
    // The library's own placeholder, which no span has.
    default: text(1, "")
    }
  }

  private mutating func list<Element>(_ values: [Element], _ write: (inout ProtobufWriter, Element) -> Void) {
    message(5) { list in
      for value in values { list.message(1) { write(&$0, value) } }
    }
  }
}
