package import PicoConfiguration
package import PicoCore

/// Where a request may name its endpoint.
package enum EndpointSource: String, Sendable, ConfigurationChoice {
  case header
  case host
}

/// The receive window of a stream.
package enum StreamWindow: Hashable, Sendable, ConfigurationScalar {
  /// 256 KiB at first, growing with bandwidth × delay up to 8 MiB.
  case automatic
  case fixed(ByteSize)

  package static let configurationKind = "auto or size"

  package var configurationText: String {
    switch self {
    case .automatic: "auto"
    case .fixed(let size): size.description
    }
  }

  /// A yamux peer takes 256 KiB for granted, so less is impossible.
  package init(configurationText: String) throws(MalformedValue) {
    guard configurationText != "auto" else {
      self = .automatic
      return
    }
    guard let size = try? ByteSize(text: configurationText) else {
      throw MalformedValue(configurationText, isNot: "a stream window", like: "auto, 1MiB")
    }
    guard size >= .kibibytes(256), size <= .mebibytes(8) else {
      throw MalformedValue("\"\(size)\" must be from 256KiB to 8MiB")
    }
    self = .fixed(size)
  }
}

/// An entry of `proxy.domains`: a domain, or with the tenant whose endpoints are below it, `{domain: acme.example.com, tenant: acme}`.
package struct ProxyDomain: Hashable, Sendable, ConfigurationValue {
  package var domain: DomainSuffix
  package var tenant: TenantID?

  package static let configurationKind = "domain"
  package var configurationText: String { tenant.map { "{domain: \(domain.text), tenant: \($0)}" } ?? domain.text }

  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> ProxyDomain? {
    guard case .mapping = node.content else {
      return DomainSuffix.read(node, key: key, problems: &problems).map { ProxyDomain(domain: $0) }
    }
    let entry = schema.read(node, key: key, problems: &problems)
    return entry.domain.map { ProxyDomain(domain: $0, tenant: entry.tenant) }
  }

  private struct Entry {
    var domain: DomainSuffix?
    var tenant: TenantID?
  }

  private static let schema = ConfigurationSchema(
    initial: Entry(),
    keys: [
      .key("domain", \.domain, "A suffix of Host"),
      .key("tenant", \.tenant, "Whose endpoints are below it"),
    ], required: ["domain"])
}

/// A suffix of a `Host`, lower case, without a dot in front: `pico.example.com`.
package struct DomainSuffix: Hashable, Sendable, ConfigurationScalar {
  package let text: String

  package static let configurationKind = "domain"
  package var configurationText: String { text }

  /// Takes a leading `.` or `*.` off.
  package init(configurationText: String) throws(MalformedValue) {
    let name = configurationText.lowercased()
    let suffix = name.hasPrefix("*.") ? name.dropFirst(2) : name.hasPrefix(".") ? name.dropFirst() : Substring(name)
    let labels = suffix.split(separator: ".", omittingEmptySubsequences: false)
    guard suffix.utf8.count <= 253, IPAddress(suffix) == nil, labels.allSatisfy(Self.isLabel) else {
      throw MalformedValue(configurationText, isNot: "a domain", like: "pico.example.com, localhost")
    }
    text = String(suffix)
  }

  private static func isLabel(_ label: Substring) -> Bool {
    (1...63).contains(label.utf8.count) && label.utf8.allSatisfy { EndpointID.isNameByte($0) && $0 != 0x7E }
  }
}

/// A header name, lower case (RFC 9110, section 5.1).
package struct HeaderName: Hashable, Sendable, ConfigurationScalar {
  package let text: String

  package static let configurationKind = "header name"
  package var configurationText: String { text }

  package init(configurationText: String) throws(MalformedValue) {
    let isToken = configurationText.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
    }
    guard isToken, (1...256).contains(configurationText.utf8.count) else {
      throw MalformedValue(configurationText, isNot: "a header name", like: "user-agent")
    }
    text = configurationText.lowercased()
  }
}

/// What the IDs of nodes start with.
package struct NodePrefix: Hashable, Sendable, ConfigurationScalar {
  package let text: String

  package static let configurationKind = "text"
  package var configurationText: String { text }

  init(text: String) {
    self.text = text
  }

  package init(configurationText: String) throws(MalformedValue) {
    guard NodeID.isPrefix(configurationText) else {
      throw MalformedValue("\"\(configurationText.escapedForDisplay)\" is not a node prefix (at most 64 of A-Z a-z 0-9 . _ ~ -)")
    }
    text = configurationText
  }
}
