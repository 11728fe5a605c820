package import PicoConfiguration
package import PicoCore

extension ServerConfiguration {
  /// Who may use a port.
  package struct Authentication: Sendable, Equatable {
    /// Files with one HMAC secret each.
    package var hmacSecretFiles = TextList()
    /// PEM files of public keys.
    package var publicKeyFiles = TextList()
    /// Where a JWK set is.
    package var jwks: KeySetLocation?
    /// The authorities for its https; `nil` is the system's.
    package var jwksCA: String?
    /// One of them has to be in a token's `aud`; empty asks nothing.
    package var audiences = TextList()
    /// A token's `iss` has to be one of them; empty asks nothing.
    package var issuer = TextList()
    /// Those with keys of their own.
    package var issuers: [Issuer] = []
    /// Whether a port that other machines reach may go without authentication.
    package var allowAnonymous = false
    /// Whether a token without `exp` is refused.
    package var requiresExpiry = true
    package var clockSkew: Duration = .seconds(30)

    /// Tokens a second of one client address that may fail; 0 is no limit.
    package var failureRate = 10

    package init() {}

    /// Whether the port takes tokens, and nobody without one.
    package var isOn: Bool { hasOwnKeys || !issuers.isEmpty }

    /// Whether there are keys beside those of ``issuers``.
    var hasOwnKeys: Bool { !hmacSecretFiles.texts.isEmpty || !publicKeyFiles.texts.isEmpty || jwks != nil }

    /// Named within a port's: `hmac-secret-file`.
    static let keys: [ConfigurationKey<Authentication>] = [
      .key("hmac-secret-file", \.hmacSecretFiles, "Files with one HMAC secret each, of at least 32 bytes; watched"),
      .key("public-key-file", \.publicKeyFiles, "PEM files of public keys (RSA, P-256, P-384, P-521, Ed25519); watched"),
      .key("jwks", \.jwks, "Where a JWK set with public keys is: a file, https, or http on this machine"),
      .key("jwks-ca", \.jwksCA, "A PEM file of authorities for the JWK set's https", unset: "the system's"),
      .key("audience", \.audiences, "What aud of a token has to name; of several, one"),
      .key("issuer", \.issuer, "What iss of a token has to be; of several, one"),
      .objects(
        "issuers", \.issuers, "Issuers with keys of their own, and the tenants that each may make tokens for", of: Issuer.schema),
      .key("allow-anonymous", \.allowAnonymous, "Whether the port may be open to other machines without authentication"),
      .key("require-exp", \.requiresExpiry, "Whether a token without exp is refused"),
      .key(
        "clock-skew", \.clockSkew, "By how much clocks may differ when exp, nbf and iat are looked at",
        check: { $0 >= .zero && $0 <= .seconds(600) ? nil : "must be from 0 to 10m" }),
      .key(
        "failure-rate", \.failureRate,
        "The most bad tokens a second of one client address, five seconds' worth at once; then 429; 0 is no limit", reloadable: true,
        check: ConfigurationCheck.within(0...ServerConfiguration.highestRate)),
    ]

    /// What its keys are in, in words that can be compared with another port's.
    var sources: Set<String> {
      Set(hmacSecretFiles.texts + publicKeyFiles.texts + ([jwks] + issuers.map(\.jwks)).compactMap { $0?.configurationText })
    }
  }

  static func checkAuthentication(_ configuration: ServerConfiguration, _ problems: inout ConfigurationProblems) {
    let ports = [
      ("proxy", configuration.proxy.auth), ("upstream", configuration.upstream.auth), ("admin", configuration.admin.auth),
    ]
    for (port, auth) in ports {
      if auth.isOn {
        if auth.allowAnonymous {
          problems.contradiction(
            "\(port).auth.allow-anonymous", "\"true\" contradicts \(port).auth with keys: then nobody comes in without a token")
        }
      } else {
        let idle = ["audience", "issuer", "require-exp", "clock-skew", "failure-rate"].filter {
          problems.provenance["\(port).auth.\($0)"] != nil
        }
        for name in idle {
          problems.contradiction(
            "\(port).auth.\(name)",
            "has no effect without keys (\(port).auth.hmac-secret-file, \(port).auth.public-key-file or \(port).auth.jwks)")
        }
      }
      if auth.jwksCA != nil, auth.jwks?.isHTTPS != true {
        problems.contradiction("\(port).auth.jwks-ca", "has no effect: \(port).auth.jwks is not https")
      }
      checkIssuers("\(port).auth", auth, &problems)
    }
    if configuration.admin.protectsHealth, !configuration.admin.auth.isOn {
      problems.contradiction(
        "admin.auth.protect-health",
        "has no effect without keys (admin.auth.hmac-secret-file, admin.auth.public-key-file or admin.auth.jwks)")
    }
    checkSharedKeys(ports, &problems)
  }

  private static func checkIssuers(_ section: String, _ auth: Authentication, _ problems: inout ConfigurationProblems) {
    for (index, issuer) in auth.issuers.enumerated() {
      let name = "\(section).issuers[\(index)]"
      if issuer.jwksCA != nil, issuer.jwks?.isHTTPS != true {
        problems.contradiction(name, "jwks-ca has no effect: jwks is not https")
      }
      if auth.issuers[..<index].contains(where: { $0.issuer == issuer.issuer }) {
        problems.contradiction(name, "issuer \"\(issuer.issuer.escapedForDisplay)\" is there twice")
      }
    }
    if !auth.hasOwnKeys, !auth.issuers.isEmpty, !auth.issuer.texts.isEmpty {
      problems.contradiction("\(section).issuer", "has no effect: all keys are those of \(section).issuers")
    }
  }

  /// A token for one port must be none for another: where both take the same keys, only the audience tells them apart.
  private static func checkSharedKeys(_ ports: [(String, Authentication)], _ problems: inout ConfigurationProblems) {
    for (index, (port, auth)) in ports.enumerated() {
      for (other, earlier) in ports[..<index] {
        guard let shared = auth.sources.intersection(earlier.sources).min() else { continue }
        let (own, theirs) = (Set(auth.audiences.texts), Set(earlier.audiences.texts))
        guard own.isEmpty || theirs.isEmpty || !own.isDisjoint(with: theirs) else { continue }
        let named = ["hmac-secret-file", "public-key-file", "jwks"].first { name in
          switch name {
          case "hmac-secret-file": auth.hmacSecretFiles.texts.contains(shared)
          case "public-key-file": auth.publicKeyFiles.texts.contains(shared)
          default: true
          }
        }
        problems.contradiction(
          "\(port).auth.\(named ?? "jwks")",
          "\"\(shared)\" is a key of the \(other) port too; set \(other).auth.audience and \(port).auth.audience to different names, "
            + "or a token for one is one for the other")
      }
    }
  }
}

/// One text, or a list of texts: `a`, `[a, b]`.
package struct TextList: ConfigurationValue, ExpressibleByArrayLiteral {
  package var texts: [String]

  package init(arrayLiteral texts: String...) { self.texts = texts }
  package init(_ texts: [String] = []) { self.texts = texts }

  package static var configurationKind: String { "list of text" }
  package var configurationText: String { texts.isEmpty ? "unset" : texts.configurationText }

  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> TextList? {
    if case .scalar = node.content, case .file = node.provenance {
      return String.read(node, key: key, problems: &problems).map { TextList([$0]) }
    }
    return [String].read(node, key: key, problems: &problems).map { TextList($0) }
  }
}

/// Where a JWK set is read from.
package enum KeySetLocation: Hashable, Sendable, ConfigurationScalar {
  case file(String)
  /// `path` begins with a slash, and has the query.
  case web(BaseURL, path: String)

  package static var configurationKind: String { "URL or path" }

  package var configurationText: String {
    switch self {
    case .file(let path): path
    case .web(let server, let path): "\(server)\(path)"
    }
  }

  var isHTTPS: Bool { if case .web(let server, _) = self { server.isTLS } else { false } }

  /// A path has a slash. Without TLS whoever is on the way could put keys of his own into the set, so plain http goes to loopback alone.
  package init(configurationText text: String) throws(MalformedValue) {
    let malformed = MalformedValue(
      text, isNot: "the place of a JWK set", like: "https://id.example.com/jwks.json, http://localhost:9000/jwks.json, /etc/pico/jwks.json")
    if text.hasPrefix("file://") {
      let path = text.dropFirst(7)
      guard path.hasPrefix("/"), path.count > 1 else { throw malformed }
      self = .file(String(path))
      return
    }
    guard text.hasPrefix("https://") || text.hasPrefix("http://") else {
      guard text.contains("/"), !text.contains("://"), !text.hasSuffix("/") else { throw malformed }
      self = .file(text)
      return
    }
    let start = text.index(text.startIndex, offsetBy: text.hasPrefix("https") ? 8 : 7)
    let end = text[start...].firstIndex { $0 == "/" || $0 == "?" } ?? text.endIndex
    let server: BaseURL
    do throws(MalformedValue) { server = try BaseURL(text: text[..<end]) } catch { throw malformed }
    let path = text[end...]
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else { throw malformed }
    guard server.isTLS || server.address.isLoopback else {
      throw MalformedValue(
        "\"\(text.escapedForDisplay)\" is http to another machine: keys that come unencrypted can be exchanged on the way")
    }
    self = .web(server, path: path.hasPrefix("/") ? String(path) : "/" + path)
  }
}
