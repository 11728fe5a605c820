package import PicoCore
internal import PicoTransport

/// Which endpoint is dialled, and through which server.
public struct DialSettings: Sendable {
  package var access: ServerAccess
  package var endpoint: EndpointID
  package var dialect = ListenerSettings.Dialect.pico

  package init(access: ServerAccess, endpoint: EndpointID) {
    self.access = access
    self.endpoint = endpoint
  }

  /// - Parameters:
  ///   - server: such as `http://localhost:8080` or `https://pico.example.com`.
  ///   - endpoint: 1 to 128 of `A-Z a-z 0-9 . _ ~ -`.
  /// - Throws: ``DialError`` with ``DialError/Code/invalidSettings``.
  public init(server: String, endpoint: String) throws {
    do throws(MalformedValue) {
      access = ServerAccess(server: try BaseURL(text: server))
    } catch {
      throw DialError(.invalidSettings, "\(error)")
    }
    guard let id = EndpointID(endpoint) else {
      throw DialError(.invalidSettings, "\"\(endpoint.escapedForDisplay)\" is not an endpoint (1 to 128 of A-Z a-z 0-9 . _ ~ -)")
    }
    self.endpoint = id
  }

  /// A file with the token, read again for each connection. It is not sent unencrypted to a host that is not loopback.
  public var tokenFile: String? {
    get { access.tokenFile }
    set { access.tokenFile = newValue }
  }

  /// A PEM file of authorities for the server's certificate; nil is the system's.
  public var caFile: String? {
    get { access.caFile }
    set { access.caFile = newValue }
  }

  /// PEM files by which the client shows who it is to a server that asks: a certificate, then those that lead to its authority, and its key.
  public mutating func setCredentials(certificateFile: String, keyFile: String) {
    access.credentials = TLSContext.Credentials(certificateFile: certificateFile, keyFile: keyFile)
  }

  /// The name in the server's certificate; nil is the host of the server.
  public var serverName: String? {
    get { access.serverName }
    set { access.serverName = newValue }
  }

  /// Has a proxy open the connections to the server, by HTTP CONNECT. At first there is none, and variables such as `HTTPS_PROXY` are not
  /// looked at.
  ///
  /// Without TLS the proxy sees what is sent, so a token goes through a proxy on another machine only to a server with `https://`.
  /// - Parameter url: `http://[USER[:PASSWORD]@]HOST:PORT`, with the port, and percent-encoded before the `@`; nil is no proxy.
  /// - Throws: ``DialError`` with ``DialError/Code/invalidSettings``, which does not quote the URL: it may hold a password.
  public mutating func setProxy(_ url: String?) throws {
    do throws(MalformedValue) {
      access.proxy = try url.map { url throws(MalformedValue) in try HTTPProxy(text: url) }
    } catch {
      throw DialError(.invalidSettings, "the proxy \(error)")
    }
  }

  /// docs/protocol.md, "TCP streams for clients".
  var path: String {
    switch dialect {
    case .pico: "/pico/v1/tcp/\(endpoint)"
    case .piko: "/_piko/v1/tcp/\(endpoint)"
    }
  }
}
