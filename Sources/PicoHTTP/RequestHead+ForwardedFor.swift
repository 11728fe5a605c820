package import PicoCore

extension RequestHead {
  /// The client that trusted proxies name: of all entries of `X-Forwarded-For`, from the last one on, the first that is not a trusted proxy
  /// itself. Each proxy adds whom it sees at the end, so what stands in front of that entry is anybody's word. Where all entries are trusted
  /// it is the first; what stands in front of an entry that is no address is not looked at; nil when there is none.
  package func forwardedClient(_ bytes: RawSpan, isTrusted: (IPAddress) -> Bool) -> IPAddress? {
    guard contains(.forwardedFor) else { return nil }
    var nearest: IPAddress?
    for field in fields.reversed() where field.name == .forwardedFor {
      var end = field.value.end
      let start = Int(field.value.start)
      while end > start {
        var first = end
        while first > start, bytes.byte(first - 1) != UInt8(ascii: ",") { first -= 1 }
        let entry = Self.trimmed(first..<end, bytes)
        end = first - 1
        // RFC 9110 section 5.6.1: empty elements of a list are passed over.
        guard !entry.isEmpty else { continue }
        guard let address = IPAddress(octets: bytes.extracting(Self.withoutPort(entry, bytes))) else { return nearest }
        if !isTrusted(address) { return address }
        nearest = address
      }
    }
    return nearest
  }

  private static func trimmed(_ range: Range<Int>, _ bytes: RawSpan) -> Range<Int> {
    var (first, end) = (range.lowerBound, range.upperBound)
    while first < end, isBlank(bytes.byte(first)) { first += 1 }
    while first < end, isBlank(bytes.byte(end - 1)) { end -= 1 }
    return first..<end
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == Octets.space || byte == Octets.tab }

  /// Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`.
  private static func withoutPort(_ entry: Range<Int>, _ bytes: RawSpan) -> Range<Int> {
    if bytes.byte(entry.lowerBound) == UInt8(ascii: "[") {
      guard let end = entry.first(where: { bytes.byte($0) == UInt8(ascii: "]") }) else { return entry }
      return entry.lowerBound + 1..<end
    }
    guard let colon = entry.first(where: { bytes.byte($0) == UInt8(ascii: ":") }),
      entry.last(where: { bytes.byte($0) == UInt8(ascii: ":") }) == colon
    else { return entry }
    return entry.lowerBound..<colon
  }
}
