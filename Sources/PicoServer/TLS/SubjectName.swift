/// Reads the subject of a certificate. Source: RFC 5280 section 4.1, X.690 (DER).
enum SubjectName {
  /// The last common name of a certificate in DER; nil when it has none that is text.
  static func commonName(ofCertificate bytes: [UInt8]) -> String? {
    var outer = DERReader(bytes[...])
    guard var certificate = outer.read(.sequence).map({ DERReader($0) }), var body = certificate.read(.sequence).map({ DERReader($0) })
    else { return nil }
    _ = body.read(.version)
    // Serial number, algorithm, issuer, validity; then the subject.
    guard body.read(.integer) != nil, body.read(.sequence) != nil, body.read(.sequence) != nil, body.read(.sequence) != nil,
      var subject = body.read(.sequence).map({ DERReader($0) })
    else { return nil }
    var name: String?
    while var attributes = subject.read(.set).map({ DERReader($0) }) {
      while var attribute = attributes.read(.sequence).map({ DERReader($0) }) {
        guard let type = attribute.read(.objectIdentifier), type.elementsEqual(Self.commonNameType) else { continue }
        if let value = attribute.read(.utf8String) ?? attribute.read(.printableString) { name = String(validating: value, as: UTF8.self) }
      }
    }
    return name
  }

  /// 2.5.4.3
  private static let commonNameType: [UInt8] = [0x55, 0x04, 0x03]
}

/// Takes one element after the other from the front. Lengths that do not fit read as no element.
private struct DERReader {
  enum Tag: UInt8 {
    case integer = 0x02
    case objectIdentifier = 0x06
    case utf8String = 0x0C
    case printableString = 0x13
    case sequence = 0x30
    case set = 0x31
    case version = 0xA0
  }

  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The content of the next element when it is of that kind; else it stays.
  mutating func read(_ tag: Tag) -> ArraySlice<UInt8>? {
    var bytes = rest
    guard bytes.popFirst() == tag.rawValue, let first = bytes.popFirst() else { return nil }
    var length = Int(first)
    if first & 0x80 != 0 {
      let count = Int(first & 0x7F)
      guard (1...3).contains(count), bytes.count >= count else { return nil }
      length = bytes.prefix(count).reduce(0) { $0 << 8 | Int($1) }
      bytes = bytes.dropFirst(count)
    }
    guard bytes.count >= length else { return nil }
    rest = bytes.dropFirst(length)
    return bytes.prefix(length)
  }
}
