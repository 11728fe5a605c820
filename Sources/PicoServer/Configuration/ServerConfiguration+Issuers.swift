internal import PicoAuth
package import PicoConfiguration
internal import PicoCore

extension ServerConfiguration {
  /// Whoever makes tokens with keys of his own, for tenants of his own.
  package struct Issuer: Sendable, Equatable {
    /// `iss` of his tokens.
    package var issuer = ""
    package var jwks: KeySetLocation?
    /// The authorities for its https; `nil` is the system's.
    package var jwksCA: String?
    package var tenants = TenantList()

    package init() {}

    static let schema = ConfigurationSchema(
      initial: Issuer(),
      keys: [
        .key("issuer", \.issuer, "What iss of the tokens is", check: { $0.isEmpty ? "must not be empty" : nil }),
        .key("jwks", \.jwks, "Where the JWK set with the public keys is: a file, https, or http on this machine"),
        .key("jwks-ca", \.jwksCA, "A PEM file of authorities for the JWK set's https", unset: "the system's"),
        .key(
          "tenants", \.tenants, "Tenants that the tokens may be for; with one, tokens need not name it; * is every one; none is the default"
        ),
      ], required: ["issuer", "jwks"])
  }
}

/// The tenants that an issuer may make tokens for: names, or `*`.
package struct TenantList: Sendable, Equatable, ConfigurationValue {
  var grant = TenantGrant.only([])

  package init() {}

  package static var configurationKind: String { "list of tenant" }

  package var configurationText: String {
    switch grant {
    case .all: "*"
    case .only(let tenants): tenants.isEmpty ? "unset" : tenants.map(\.name).configurationText
    }
  }

  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> TenantList? {
    guard let texts = TextList.read(node, key: key, problems: &problems)?.texts else { return nil }
    var list = TenantList()
    guard texts != ["*"] else {
      list.grant = .all
      return list
    }
    let tenants = texts.compactMap { TenantID($0) }
    guard tenants.count == texts.count else {
      let wrong = texts.first { TenantID($0) == nil } ?? ""
      problems.add(
        key, at: node.provenance,
        "\"\(wrong.escapedForDisplay)\" is not a tenant (1 to 128 of A-Z a-z 0-9 . _ ~ -; or * alone, for every one)")
      return nil
    }
    list.grant = .only(tenants)
    return list
  }
}
