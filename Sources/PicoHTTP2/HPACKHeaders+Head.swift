package import NIOHPACK
package import PicoHTTP

extension HPACKHeaders {
  /// The header section of a response that was parsed from `bytes`: names in lower case, without what is of an HTTP/1.1 connection alone.
  package init(_ head: borrowing ResponseHead, _ bytes: RawSpan) {
    self.init()
    reserveCapacity(head.fields.count + 1)
    add(name: ":status", value: String(head.status), indexing: .indexable)
    addLines(of: head.fields, bytes, dropping: .connectionSpecific)
  }

  /// The header section of a request for a service in the clear.
  package init(_ head: borrowing RequestHead, _ bytes: RawSpan) {
    self.init()
    reserveCapacity(head.fields.count + 4)
    add(name: ":method", value: bytes.text(head.methodSlice.range))
    add(name: ":scheme", value: "http")
    add(name: ":authority", value: head.host.map { bytes.text($0.range) } ?? "")
    add(name: ":path", value: head.originForm.isEmpty ? "/" : bytes.text(head.originForm.range))
    var dropped = FieldNames.connectionSpecific
    dropped.insert(.host)
    dropped.insert(.te)
    addLines(of: head.fields, bytes, dropping: dropped)
    if head.acceptsTrailers { add(name: "te", value: "trailers") }
  }

  private mutating func addLines(of fields: [HeaderField], _ bytes: RawSpan, dropping dropped: FieldNames) {
    for field in fields where !dropped.contains(field.name) {
      let name = bytes.lowercasedText(field.nameSlice.range)
      add(name: name, value: bytes.text(field.value.range), indexing: Self.indexing(of: field.name, name))
    }
  }

  /// Secrets are in no table; what differs with each message would only push out of it what does not.
  private static func indexing(of known: FieldName, _ name: String) -> HPACKIndexing {
    switch known {
    case .authorization, .setCookie: return .neverIndexed
    case .contentLength, .requestID: return .nonIndexable
    case .other where name == "etag" || name == "last-modified" || name == "date": return .nonIndexable
    default: return .indexable
    }
  }
}

extension RawSpan {
  /// Bytes that are no UTF-8 become U+FFFD: HTTP/2 knows text only, where it is the library's.
  func text(_ range: Range<Int>) -> String {
    // The bytes are copied within the call.
    unsafe extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  func lowercasedText(_ range: Range<Int>) -> String {
    // As many bytes are written as are said to be.
    unsafe String(unsafeUninitializedCapacity: range.count) { room in
      for (index, offset) in range.enumerated() {
        let octet = byte(offset)
        unsafe room[index] = octet &- 0x41 < 26 ? octet | 0x20 : octet
      }
      return range.count
    }
  }
}
