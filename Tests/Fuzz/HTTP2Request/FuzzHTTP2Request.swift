import FuzzDriver
import NIOCore
import NIOHPACK
import PicoHTTP
import PicoHTTP2

/// Messages of HTTP/2 come from anybody: whatever the writer lets through must be, to the parser of HTTP/1.1, one message with the same fields
/// and the same payload, and nothing behind it.
///
/// The input is a script, as no decoder of HPACK is ours: fields are `name NUL value` and end with 0xFF; then, each with a byte of its length,
/// data and trailers.
@main
struct FuzzHTTP2Request {
  static func main() {
    let status = FuzzDriver.run { input in
      guard let choice = input.first else { return }
      var script = Script(Array(input.dropFirst()))
      var fields = script.fields()
      // Mutations reach the rest more often with what every request has.
      if choice & 1 != 0 { fields = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "h")] + fields }
      check(HPACKHeaders(fields), &script, isLast: choice & 2 != 0)
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }

  static func check(_ fields: HPACKHeaders, _ script: inout Script, isLast: Bool) {
    var writer = MessageWriter()
    var whole = ByteBuffer()
    var payload: [UInt8] = []
    var isWhole = false
    do throws(HTTPFault) {
      var out = ByteBuffer()
      _ = try writer.writeRequest(fields, isLast: isLast, into: &out)
      whole.writeImmutableBuffer(out)
      while !writer.isEnded, let part = script.part() {
        out.clear()
        switch part {
        case .data(let bytes, let isLast):
          try writer.writeData(ByteBuffer(bytes: bytes).readableBytesSpan, isLast: isLast, into: &out)
          payload += bytes
        case .trailers(let trailers): try writer.writeTrailers(HPACKHeaders(trailers), into: &out)
        }
        whole.writeImmutableBuffer(out)
      }
      isWhole = writer.isEnded
    } catch {}
    guard whole.readableBytes > 0 else { return }
    var head = RequestHead()
    // What the parser refuses is answered with 400, and nothing is read behind it.
    guard case .complete(let count) = head.parse(whole.readableBytesSpan, limit: 1 << 20) else { return }
    checkFields(fields, head, whole)
    var framing = head.framing
    let rest = whole.readableBytesSpan.extracting(droppingFirst: count)
    switch framing.consume(rest) {
    case .ended(let after): FuzzDriver.expect(after == rest.byteCount, "bytes behind a request: \(text(whole))")
    case .more: FuzzDriver.expect(!isWhole, "a whole message that does not end: \(text(whole))")
    // A trailer that HTTP/1.1 forbids too.
    case .failed(let fault): FuzzDriver.expect(fault == .forbiddenTrailer, "\(fault): \(text(whole))")
    }
    checkBody(head.framing.kind, whole, from: count, payload, isWhole: isWhole)
  }

  /// Each field once, in its order, but for the pieces of `cookie` and what the head's own lines say.
  static func checkFields(_ fields: HPACKHeaders, _ head: borrowing RequestHead, _ whole: ByteBuffer) {
    let bytes = whole.readableBytesView
    var sent = fields.filter { !$0.name.hasPrefix(":") && !["host", "cookie"].contains($0.name) }.map { ($0.name, $0.value) }
    var read: [(String, String)] = []
    for field in head.fields {
      let name = String(decoding: bytes[field.nameSlice.range], as: UTF8.self)
      let value = String(decoding: bytes[field.value.range], as: UTF8.self)
      guard !["host", "cookie", "transfer-encoding"].contains(name) else { continue }
      // A request without a body says so.
      if name == "content-length", value == "0", !sent.contains(where: { $0.0 == "content-length" }) { sent.append((name, value)) }
      read.append((name, value))
    }
    FuzzDriver.expect(read.elementsEqual(sent) { $0 == $1 }, "sent \(sent), read \(read)")
  }

  static func checkBody(_ kind: BodyFraming.Kind, _ whole: ByteBuffer, from start: Int, _ payload: [UInt8], isWhole: Bool) {
    var reader = BodyReader(kind)
    var read: [UInt8] = []
    var offset = start
    let bytes = Array(whole.readableBytesView)
    events: while true {
      switch reader.next(whole.readableBytesSpan, at: &offset) {
      case .payload(let range): read += bytes[range]
      case .needsMore, .ended, .failed: break events
      }
    }
    if isWhole { FuzzDriver.expect(read == payload, "sent \(payload), read \(read)") }
    FuzzDriver.expect(payload.starts(with: read), "sent \(payload), read \(read)")
  }

  static func text(_ bytes: ByteBuffer) -> String { String(buffer: bytes).debugDescription }
}

/// Reads the script.
struct Script {
  private var bytes: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

  enum Part {
    case data([UInt8], isLast: Bool)
    case trailers([(String, String)])
  }

  /// Nil at the end.
  mutating func part() -> Part? {
    guard let kind = bytes.popFirst() else { return nil }
    guard kind % 4 != 0 else { return .trailers(fields()) }
    let count = min(Int(kind >> 2), bytes.count)
    defer { bytes = bytes.dropFirst(count) }
    return .data(Array(bytes.prefix(count)), isLast: kind % 4 == 1)
  }

  mutating func fields() -> [(String, String)] {
    let section = bytes.prefix { $0 != 0xFF }
    bytes = bytes.dropFirst(section.count + 1)
    let texts = section.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    return stride(from: 0, to: texts.count - 1, by: 2).map { (texts[$0], texts[$0 + 1]) }
  }
}
