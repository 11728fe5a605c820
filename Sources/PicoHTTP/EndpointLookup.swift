/// Which endpoint a request is for (docs/protocol.md): the `x-pico-endpoint` field first, else the first label of `Host`.
package struct EndpointLookup: Sendable {
  package enum Source: UInt8, Equatable, Sendable {
    case header
    case host
  }

  package enum Outcome: Equatable, Sendable {
    /// A name of the right grammar, as the client wrote it: not folded to lower case.
    case found(HeadSlice, Source)
    case missing
    case invalid
  }

  /// Longest name in bytes.
  package static var maxName: Int { 128 }

  private let usesHeader: Bool
  private let usesHost: Bool
  private let domains: DomainSuffixes

  /// - Parameter domains: hosts count only if they end in a dot and one of these; none means every host counts.
  package init(usesHeader: Bool = true, usesHost: Bool = true, domains: [String] = []) {
    self.usesHeader = usesHeader
    self.usesHost = usesHost
    self.domains = DomainSuffixes(domains)
  }

  package func find(in head: borrowing RequestHead, _ bytes: RawSpan) -> Outcome {
    if usesHeader, let name = head.endpoint {
      return Self.isName(name, bytes) ? .found(name, .header) : .invalid
    }
    guard usesHost, let host = Self.host(of: head, bytes) else { return .missing }
    guard let dot = host.range.first(where: { bytes.byte($0) == UInt8(ascii: ".") }) else { return .missing }
    guard domains.contain(host, in: bytes) else { return .missing }
    let label = HeadSlice(start: Int(host.start), count: dot - Int(host.start))
    return Self.isName(label, bytes) ? .found(label, .host) : .invalid
  }

  /// The place among the domains of the longest that the request's host is, or is below.
  package func domain(of head: borrowing RequestHead, _ bytes: RawSpan) -> Int? {
    Self.host(of: head, bytes).flatMap { domains.longest(of: $0, in: bytes) }
  }

  /// The name that the request was sent to, without the dot of the root; nil for an address.
  private static func host(of head: borrowing RequestHead, _ bytes: RawSpan) -> HeadSlice? {
    guard let authority = Authority(head.host ?? head.authority, in: bytes), !authority.isAddress(in: bytes) else { return nil }
    var host = authority.host
    if bytes.byte(host.end - 1) == UInt8(ascii: ".") { host.count -= 1 }
    return host
  }

  /// The grammar of an endpoint: 1 to 128 of `A-Z a-z 0-9 . _ ~ -`, but neither `.` nor `..`.
  package static func isName(_ name: HeadSlice, _ bytes: RawSpan) -> Bool {
    guard name.count > 0, name.count <= maxName else { return false }
    var dots = 0
    for offset in name.range {
      let octet = bytes.byte(offset)
      guard OctetSet.unreserved.contains(octet) else { return false }
      if octet == UInt8(ascii: ".") { dots += 1 }
    }
    return name.count > 2 || dots < Int(name.count)
  }
}

/// The values of `proxy.domains` in one run of bytes.
struct DomainSuffixes: Sendable {
  private var octets: [UInt8] = []
  private var ranges: [Range<Int>] = []

  /// `example.com`, `.example.com` and `*.example.com` mean the same.
  init(_ domains: [String]) {
    for domain in domains {
      let start = octets.count
      octets.append(UInt8(ascii: "."))
      let suffix = domain.utf8.drop { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: ".") }
      octets.append(contentsOf: suffix.map(Octets.lowercased))
      if octets.last == UInt8(ascii: "."), octets.count > start + 1 { octets.removeLast() }
      ranges.append(start..<octets.count)
    }
  }

  /// The host is a name below one of them; with none, every host is.
  func contain(_ host: HeadSlice, in bytes: RawSpan) -> Bool {
    guard !ranges.isEmpty else { return true }
    for range in ranges where range.count < host.count && ends(host, with: range, in: bytes) { return true }
    return false
  }

  /// The place of the longest that the host is, or is below.
  func longest(of host: HeadSlice, in bytes: RawSpan) -> Int? {
    var best: Int?
    for (place, range) in ranges.enumerated() where range.count > best.map({ ranges[$0].count }) ?? 0 {
      // Of the domain itself the dot in front is not there.
      let isItself = range.count == host.count + 1 && ends(host, with: range.dropFirst(), in: bytes)
      if isItself || (range.count < host.count && ends(host, with: range, in: bytes)) { best = place }
    }
    return best
  }

  /// The range is at most as long as the host.
  private func ends(_ host: HeadSlice, with range: Range<Int>, in bytes: RawSpan) -> Bool {
    let first = host.end - range.count
    for offset in 0..<range.count where Octets.lowercased(bytes.byte(first + offset)) != octets[range.lowerBound + offset] { return false }
    return true
  }
}
