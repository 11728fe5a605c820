internal import PicoStatus

/// What a screen has where there are no rows.
extension App {
  /// What there is when there are no rows, and what to do about it.
  var emptyState: [String] {
    let servers = fleet.servers
    if servers.allSatisfy({ $0.hello == nil && $0.heardAt.isEmpty }) {
      return ["no connection yet", servers.map(\.name).joined(separator: ", "), "it is tried again and again; q quits"]
    }
    if hasTable, !filterText.isEmpty, facts.total > 0 { return ["no row matches /\(filterText)", "Esc clears the filter"] }
    switch screen {
    case .overview: return ["no figures yet"]
    case .endpoints: return isLoading ? loading : ["no endpoint yet", "pico agent NAME PORT"]
    case .endpoint(let key):
      if isLoading || options.isReplay { return loading }
      return ["no listener for \(key.key)", "pico agent \(key.key) PORT"]
    case .listeners: return isLoading || options.isReplay ? loading : ["no listener yet", "pico agent NAME PORT"]
    case .live(let key):
      guard isOperator(of: key.server) else {
        if options.isReplay { return ["no live requests in a recording"] }
        return options.isReadOnly
          ? ["no live requests here", "they need an operator's connection"]
          : ["the role viewer may not see requests", "a token with the role operator may"]
      }
      return ["no request yet", "each is shown when it ends"]
    case .nodes: return ["no node yet"]
    case .events: return ["no event yet", "listeners and nodes that come and go are told here"]
    case .blocks: return ["nobody is kept away", "x on a listener can block its agent for a while"]
    }
  }

  private var loading: [String] {
    options.isReplay ? ["not in the recording up to here", "it has what was on screen while it was made"] : ["loading"]
  }

  private var isLoading: Bool {
    let id: String
    switch screen {
    case .listeners, .endpoint: id = Subscription.listenersID
    default: id = Subscription.fleetID
    }
    let sources = fleet.sources(at: now.steady)
    let servers = screen.endpoint.map { [$0.server] } ?? fleet.servers.indices.filter { sources[$0] == nil }
    return servers.contains { fleet.servers[$0].hello != nil && fleet.freshness(of: $0, id, at: now.steady) == .waiting }
  }
}
