internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoStatus
internal import PicoTunnel
internal import Synchronization

/// Says what the node would do with a request, in the order of `ProxyHandler.begin`, without sending anything and without counting it against a
/// limit.
struct RouteExplanation {
  let node: Node
  let loops: NodeLoops

  /// nil where the scope does not allow the question.
  func answer(_ question: RouteQuestion, _ scope: TenantScope) async -> RouteAnswer? {
    var tenant = question.tenant
    if case .only(let own) = scope {
      guard tenant == nil || tenant == own else { return nil }
      tenant = own
    }
    var answer = RouteAnswer(node: node.id.text)
    answer.wantsToken = node.authenticators.proxy != nil
    // The loops end with the node.
    guard let limits = await loops.gather({ $0.limits }).first else { return answer }
    guard let endpoint = name(question, tenant, limits, &answer) else { return answer }
    await candidates(of: endpoint, limits, &answer)
    answer.blocks = node.blocks.all(now: now).filter { block in
      block.isWithin(scope) && block.subjects.contains { $0.endpoint == endpoint || $0.endpoint == nil && $0.tenant == endpoint.tenant }
    }.map(\.id)
    return answer
  }

  private var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

  // MARK: The name

  /// The endpoint that the request is for; nil when the answer is whole without it.
  private func name(_ question: RouteQuestion, _ token: TenantID?, _ limits: ProxyLimits, _ answer: inout RouteAnswer) -> EndpointID? {
    let bytes = ByteBuffer(bytes: question.head)
    let span = bytes.readableBytesSpan
    var head = RequestHead()
    switch head.parse(span, limit: limits.maxHead) {
    case .complete(let length) where length == bytes.readableBytes: break
    case .failed(let fault):
      answer.refuse(fault.requestError, "the request is malformed: \(fault)")
      return nil
    case .complete, .incomplete:
      answer.refuse(.malformedRequest, "the request is malformed")
      return nil
    }
    guard !ReservedPath.isReserved(head.path, span) else {
      answer.why = "the path is the node's own"
      return nil
    }
    let place = node.settings.lookup.domain(of: head, span)
    answer.domain = place.map { node.configuration.proxy.domains[$0].domain.text }
    let named = node.settings.tenant(namedBy: head, span)
    let tenant = token ?? named ?? .default
    answer.tenant = tenant.name
    answer.tenantFrom = token != nil ? .token : named != nil ? .domain : nil
    guard named == nil || named == tenant else {
      answer.refuse(.tenantNotPermitted, "the host is below a domain of another tenant than the token's")
      return nil
    }
    switch node.settings.lookup.find(in: head, span) {
    case .missing:
      answer.refuse(.missingEndpointID, missing(question, isDomainKnown: place != nil))
      return nil
    case .invalid:
      answer.refuse(.malformedRequest, "what stands in the place of the endpoint is no name of one")
      return nil
    case .found(let name, let source):
      answer.endpointFrom = source == .header ? .header : .host
      guard let endpoint = EndpointID(name.text(in: span), of: tenant) else {
        answer.refuse(.malformedRequest, "what stands in the place of the endpoint is no name of one")
        return nil
      }
      answer.endpoint = endpoint.name
      return endpoint
    }
  }

  private func missing(_ question: RouteQuestion, isDomainKnown: Bool) -> String {
    let sources = node.configuration.proxy.endpointFrom
    if !sources.contains(.host) { return "there is no x-pico-endpoint, and proxy.endpoint-from leaves the host out" }
    if question.endpoint != nil, !sources.contains(.header) { return "proxy.endpoint-from leaves the header out, and the host names none" }
    if !node.configuration.proxy.domains.isEmpty, !isDomainKnown {
      return "there is no x-pico-endpoint, and the host is below no proxy.domains"
    }
    return "there is no x-pico-endpoint, and the host has no label that could name one"
  }

  // MARK: The candidates

  private func candidates(of endpoint: EndpointID, _ limits: ProxyLimits, _ answer: inout RouteAnswer) async {
    var found = node.routes.routes(of: endpoint)
    if found == nil, let membership = node.membership {
      await membership.lookUp(endpoint)
      found = node.routes.routes(of: endpoint)
    }
    guard let routes = found else {
      return answer.refuse(
        node.isDraining ? .shuttingDown : .noAvailableUpstreams,
        node.membership == nil ? "the endpoint has no listener" : "the endpoint has no listener on any node")
    }
    let now = now
    // Those that leave are in no route any more, and finish what they have.
    let leaving = node.registry.all.filter { $0.endpoint == endpoint && $0.state == .draining }
    let open = routes.all + routes.elsewhere
    let obstacles = open.map { $0.obstacle(now: now) }
    // As in `EndpointRoutes.search`: more than half cannot all be wrong.
    let counted = zip(open, obstacles).filter { !$0.isRest($1) }
    let isTried = counted.count { $0.1 != nil } * 2 > counted.count
    answer.candidates = zip(open, obstacles).map { listener, obstacle in
      var row = RouteCandidate(listener, node: node.id, obstacle, now: now)
      if obstacle != nil { row.takes = listener.isRest(obstacle) || !isTried ? .rest : .share }
      if open.count == 1 { row.takes = .share }
      return row
    }
    answer.candidates += leaving.filter { one in !open.contains { $0 === one } }.map { listener in
      var row = RouteCandidate(listener, node: node.id, .draining, now: now)
      row.takes = .nothing
      return row
    }
    decide(routes, open, limits, &answer)
  }

  private func decide(_ routes: EndpointRoutes, _ open: [Listener], _ limits: ProxyLimits, _ answer: inout RouteAnswer) {
    // The rate's own count would be one too many.
    var standing = limits
    standing.rateLimit = 0
    let shares = answer.candidates.count { $0.takes == .share }
    if open.isEmpty {
      answer.refuse(node.isDraining ? .shuttingDown : .noAvailableUpstreams, "all its listeners are leaving")
    } else if node.buffered.load(ordering: .relaxed) >= limits.maxBuffered {
      answer.refuse(.overloaded, "the node has as many unread bytes as memory.max-buffered allows")
    } else if routes.refusal(standing, now: now) != nil {
      answer.refuse(.tooManyRequests, "the endpoint has as many requests in flight as proxy.max-requests-per-endpoint allows")
    } else if open.allSatisfy({ $0.remote?.isLinked == false }) {
      answer.refuse(.upstreamUnreachable, "no node that has listeners can be reached")
    } else if shares == 0 {
      answer.why = "none of \(open.count) is well, so the one with the least in flight by weight is tried"
    } else {
      answer.why = shares == 1 ? "one candidate takes requests" : "the one of two of \(shares) with less in flight by weight"
    }
  }
}

extension RouteAnswer {
  fileprivate mutating func refuse(_ code: ErrorCode, _ why: String) {
    status = code.status
    error = code.kebab
    self.why = why
  }
}

extension RouteCandidate {
  fileprivate init(_ listener: Listener, node: NodeID, _ obstacle: RouteObstacle?, now: UInt64) {
    self.init(
      id: listener.remote?.id.text ?? listener.id.description, node: (listener.remote?.id ?? node).text,
      agent: listener.agent.withLock { $0.id }, remoteAddress: listener.remote == nil ? listener.remoteAddress : nil,
      weight: listener.weight, inFlight: listener.inFlight.load(ordering: .relaxed), reason: obstacle,
      leftOutMilliseconds: obstacle == .connectFailures ? listener.leftOut(now: now).map { Int($0 / 1_000_000) } : nil)
  }
}

extension Listener {
  /// Why it does not get its share.
  fileprivate func obstacle(now: UInt64) -> RouteObstacle? {
    if state == .draining { return .draining }
    if state == .unhealthy { return .unhealthy }
    if let remote {
      if remote.isDraining { return .nodeDraining }
      if !remote.isLinked { return .nodeUnreachable }
      if !remote.isReachable { return .nodeSuspect }
    }
    return leftOut(now: now) == nil ? nil : .connectFailures
  }

  /// Gets only what no other takes, however many of the others are left out.
  fileprivate func isRest(_ obstacle: RouteObstacle?) -> Bool { obstacle == .unhealthy || obstacle == .nodeDraining }
}
