extension RequestHead {
  /// What only a whole head can tell: the rules of RFC 9112 sections 3.2 and 6, and Pico's own fields.
  mutating func finish(_ bytes: RawSpan) -> HTTPFault? {
    if isChunked, version == .http10 { return .transferEncodingInHTTP10 }
    if let fault = checkHost(bytes) { return fault }
    if section.repeated.contains(.endpoint) { return .repeatedEndpoint }
    if section.connectionOptions.intersects(.reservedFromConnection) { return .reservedConnectionOption }
    if section.present.intersects(.seldom) { readSeldomFields(bytes) }
    if let value = section.value(.requestID), !section.repeated.contains(.requestID), Self.isKept(requestID: value, bytes) {
      requestID = value
    }
    return nil
  }

  private func checkHost(_ bytes: RawSpan) -> HTTPFault? {
    guard let host else { return version == .http11 ? .missingHost : nil }
    if section.repeated.contains(.host) { return .repeatedHost }
    guard let named = Authority(host, in: bytes) else { return .badHost }
    guard targetForm == .absolute else { return nil }
    guard let target = Authority(authority, in: bytes), target.agrees(with: named, in: bytes, defaultPort: isSecureTarget ? 443 : 80) else {
      return .targetDisagreesWithHost
    }
    return nil
  }

  private mutating func readSeldomFields(_ bytes: RawSpan) {
    for field in section.fields {
      switch field.name {
      case .te:
        var list = ListElements(field.value)
        while let element = list.next(bytes) {
          if bytes.equals(element, folded: "trailers") { acceptsTrailers = true }
        }
      case .upgrade:
        var list = ListElements(field.value)
        while let element = list.next(bytes) {
          if bytes.equals(element, folded: "h2c") { upgradesToHTTP2 = true }
        }
      case .cdnLoop: loops += Self.count(ofPico: field.value, bytes)
      case .expect: expectsContinue = version == .http11 && bytes.equals(field.value, folded: "100-continue")
      default: break
      }
    }
  }

  /// Elements of `CDN-Loop` whose cdn-id is `pico`. A comma inside a quoted parameter only ever makes the count higher.
  private static func count(ofPico value: HeadSlice, _ bytes: RawSpan) -> Int {
    var list = ListElements(value)
    var count = 0
    while let element = list.next(bytes) {
      guard element.count >= 4, bytes.equalsFolded(at: Int(element.start), "pico") else { continue }
      guard element.count > 4 else {
        count += 1
        continue
      }
      let next = bytes.byte(Int(element.start) + 4)
      if next == UInt8(ascii: ";") || Octets.isBlank(next) { count += 1 }
    }
    return count
  }

  private static func isKept(requestID value: HeadSlice, _ bytes: RawSpan) -> Bool {
    guard value.count > 0, value.count <= HeaderText.capacity else { return false }
    for offset in value.range where !OctetSet.requestID.contains(bytes.byte(offset)) { return false }
    return true
  }
}

extension FieldNames {
  fileprivate static let seldom: FieldNames = [.te, .upgrade, .cdnLoop, .expect]
}
