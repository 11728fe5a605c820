package import PicoCore

/// The endpoints that a token is for.
package struct EndpointGrant: Equatable, Sendable {
  /// Lower case. Of `*` and `team-*`, the text before the star, with `isPrefix`.
  struct Pattern: Equatable, Sendable {
    var text: [UInt8]
    var isPrefix: Bool

    /// nil unless the text is a name, or the beginning of one with a star behind.
    init?(_ text: String) {
      isPrefix = text.utf8.last == UInt8(ascii: "*")
      let name = isPrefix ? text.dropLast() : Substring(text)
      let isName = name.isEmpty ? isPrefix : name.utf8.allSatisfy(EndpointID.isNameByte)
      guard isName, name.utf8.count <= EndpointID.maximumLength, isPrefix || EndpointID(name) != nil else { return nil }
      self.text = name.utf8.map(EndpointID.canonical)
    }

    func matches(_ name: borrowing RawSpan) -> Bool {
      guard isPrefix ? name.byteCount >= text.count : name.byteCount == text.count else { return false }
      for index in text.indices {
        // The name has at least as many bytes as the pattern, and every byte is a UInt8.
        let byte = unsafe name.unsafeLoad(fromByteOffset: index, as: UInt8.self)
        guard EndpointID.canonical(byte) == text[index] else { return false }
      }
      return true
    }
  }

  /// One list for each claim that is there: a name has to be in every one.
  private var lists: [[Pattern]]

  /// Every endpoint: no claim says otherwise.
  package static let all = EndpointGrant(lists: [])
  package static let none = EndpointGrant(lists: [[]])

  private init(lists: [[Pattern]]) { self.lists = lists }

  /// - Parameter claims: the lists as they stand in the token; what is no list of names and patterns permits nothing.
  init(claims: [StrictJSON]) {
    lists = claims.map { claim in
      guard let texts = claim.array?.map(\.string) else { return [] }
      let patterns = texts.compactMap { $0.flatMap(Pattern.init) }
      return patterns.count == texts.count ? patterns : []
    }
  }

  package var isAll: Bool { lists.isEmpty }

  /// Whether a name, in any case, is permitted.
  package func permits(_ name: borrowing RawSpan) -> Bool {
    for list in lists {
      var isListed = false
      for pattern in list where pattern.matches(name) { isListed = true }
      if !isListed { return false }
    }
    return true
  }

  package func permits(_ endpoint: EndpointID) -> Bool {
    let bytes = Array(endpoint.name.utf8)
    // A UInt8 has no padding.
    return unsafe permits(bytes.span.bytes)
  }
}
