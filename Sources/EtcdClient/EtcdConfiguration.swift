package import PicoCore

/// Where etcd is, how to know it and who we are to it.
package struct EtcdConfiguration: Sendable {
  /// At least one; a member answers for all. Order means nothing: a client starts at a random one.
  package var endpoints: [HostPort]
  /// `nil` is plaintext.
  package var tls: TLS?
  /// `nil` sends no token.
  package var user: User?
  /// How long a call may take in all, however many endpoints are tried within it.
  package var timeout: Duration

  package init(endpoints: [HostPort], tls: TLS? = nil, user: User? = nil, timeout: Duration = .seconds(5)) {
    self.endpoints = endpoints
    self.tls = tls
    self.user = user
    self.timeout = timeout
  }

  /// Paths of PEM files, read once when the client is made.
  package struct TLS: Sendable, Equatable {
    /// Who may have signed a member's certificate; `nil` is the system's list.
    package var authority: String?
    /// Our certificate and those up to its authority; with it goes `key`.
    package var certificate: String?
    package var key: String?

    package init(authority: String? = nil, certificate: String? = nil, key: String? = nil) {
      self.authority = authority
      self.certificate = certificate
      self.key = key
    }
  }

  package struct User: Sendable, Equatable {
    package var name: String
    package var password: String

    package init(name: String, password: String) {
      self.name = name
      self.password = password
    }
  }
}
