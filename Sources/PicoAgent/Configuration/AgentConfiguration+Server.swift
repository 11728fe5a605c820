package import PicoClient
package import PicoConfiguration
internal import PicoCore
internal import PicoTransport

extension AgentConfiguration.Server {
  /// The way to the server.
  package var access: ServerAccess {
    var access = ServerAccess(server: url)
    if case .proxy(let proxy) = httpProxy { access.proxy = proxy }
    access.tokenFile = tokenFile
    access.allowsPlaintextToken = allowPlaintextToken
    access.caFile = tls.ca
    access.credentials = tls.credentials
    access.serverName = tls.serverName
    return access
  }

  /// Where no key says it, the proxy is the one that the environment has for the server.
  package mutating func takeProxy(from environment: [String: String], problems: inout ConfigurationProblems) {
    guard httpProxy == nil else { return }
    do throws(ProxyEnvironment.Failure) {
      httpProxy = try ProxyEnvironment.proxy(for: url, in: environment).map { .proxy($0) }
    } catch {
      problems.add("server.http-proxy", at: .environment(error.variable), error.reason)
    }
  }

  /// What `pico agent` and `pico forward` find wrong with values that each read well.
  package func check(_ problems: inout ConfigurationProblems) {
    if tokenFile != nil, !allowPlaintextToken, let witness = access.plaintextWitness {
      problems.contradiction(
        "server.token-file",
        "the token would go unencrypted to \(witness) (use https, or server.allow-plaintext-token: true allows that)")
    }
    for (key, isGiven) in tls.given where isGiven && !url.isTLS {
      problems.contradiction("server.tls.\(key)", "has no use with \(url), which is not https")
    }
    if let pair = tls.incomplete { problems.contradiction("server.tls.\(pair.given)", "needs server.tls.\(pair.missing)") }
  }
}
