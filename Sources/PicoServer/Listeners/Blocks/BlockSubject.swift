internal import PicoCore
internal import PicoStatus

/// What a block refuses.
enum BlockSubject: Hashable, Sendable {
  /// An agent at one endpoint.
  case agent(Name, EndpointID)
  /// A verified identity at every endpoint of its tenant.
  case identity(String, TenantID)
  /// Everybody at one endpoint.
  case endpoint(EndpointID)

  /// By what an agent is told from others: the first of these that it has.
  enum Name: Hashable, Sendable {
    case identity(String)
    /// As the agent says; nothing verifies it.
    case agentID(String)
    /// Without a port.
    case address(String)
  }

  /// What a block of this scope refuses that is set for the registrant.
  /// - Throws: `badScope` for a scope that refuses nobody, `noIdentity` where nothing was verified.
  init(_ scope: BlockScope, of registrant: Registrant) throws(ActionRefusal) {
    switch scope {
    case .agent: self = .agent(registrant.name, registrant.endpoint)
    case .endpoint: self = .endpoint(registrant.endpoint)
    case .identity:
      guard let identity = registrant.identity else { throw .noIdentity }
      self = .identity(identity, registrant.endpoint.tenant)
    default: throw .badScope
    }
  }

  /// In words, not escaped.
  var text: String {
    switch self {
    case .agent(.identity(let name), let endpoint), .agent(.agentID(let name), let endpoint): "\(name) at \(endpoint)"
    case .agent(.address(let address), let endpoint): "address \(address) at \(endpoint)"
    case .identity(let name, let tenant): tenant.isDefault ? name : "\(name) of \(tenant)"
    case .endpoint(let endpoint): "everybody at \(endpoint)"
    }
  }

  var tenant: TenantID {
    switch self {
    case .agent(_, let endpoint), .endpoint(let endpoint): endpoint.tenant
    case .identity(_, let tenant): tenant
    }
  }

  var endpoint: EndpointID? {
    switch self {
    case .agent(_, let endpoint), .endpoint(let endpoint): endpoint
    case .identity: nil
    }
  }
}

/// Who registers a listener, as far as blocks look at it.
struct Registrant: Equatable, Sendable {
  var endpoint: EndpointID
  /// The verified one.
  var identity: String?
  var agentID: String?
  /// Of the connection, without a port.
  var address: String

  var name: BlockSubject.Name {
    if let identity { return .identity(identity) }
    if let agentID { return .agentID(agentID) }
    return .address(address)
  }

  /// Everything that a block of any scope could have that refuses this registrant.
  var subjects: [BlockSubject] {
    [.agent(name, endpoint), .endpoint(endpoint)] + (identity.map { [.identity($0, endpoint.tenant)] } ?? [])
  }
}
