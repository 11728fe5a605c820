package import PicoConfiguration
package import PicoCore
package import PicoTransport

/// `server.http-proxy`: the URL of a proxy, or `none`. What is printed of it holds neither user nor password.
package enum ProxySetting: Hashable, Sendable, ConfigurationScalar {
  /// Whatever the environment says.
  case direct
  case proxy(HTTPProxy)

  package static let configurationKind = "URL"

  package var configurationText: String {
    switch self {
    case .direct: "none"
    case .proxy(let proxy): proxy.description
    }
  }

  package init(configurationText text: String) throws(MalformedValue) {
    self = text == "none" ? .direct : .proxy(try HTTPProxy(text: text))
  }

  /// A password on the command line is refused: all of the machine can read it there.
  package static func read(_ node: ConfigurationNode, key: String, problems: inout ConfigurationProblems) -> Self? {
    guard case .scalar(let text) = node.content else {
      problems.add(key, at: node.provenance, "needs \(expectation), not \(node.kindName)")
      return nil
    }
    do throws(MalformedValue) {
      let setting = try Self(configurationText: text)
      guard case .flag = node.provenance, case .proxy(let proxy) = setting, proxy.hasPassword else { return setting }
      problems.add(
        key, at: node.provenance, "a password does not belong on a command line (use the file of --config, or \(variable(key)))")
    } catch {
      problems.add(key, at: node.provenance, error.description)
    }
    return nil
  }

  private static func variable(_ key: String) -> String { EnvironmentVariables.name(of: key) }
}
