package import NIOHTTP1
internal import PicoStatus

/// What the admin port needs to know of a request head.
package struct AdminRequest: Equatable, Sendable {
  package var method: HTTPMethod
  /// The target without its query.
  package var path: String
  /// What stands behind the `?`; empty without one.
  package var query = ""
  package var version: HTTPVersion
  package var hosts: [String]
  package var origins: [String]
  /// It carries a field that proxies add: `Forwarded`, `X-Forwarded-…`, `X-Real-IP` or `Via`.
  package var isForwarded: Bool
  package var contentTypes: [String]
  /// Values of `Authorization`.
  package var authorizations: [String]
  /// Values of `x-pico-authorization` and its twin.
  package var ownAuthorizations: [String]
  /// The client's own, if it may be kept.
  package var requestID: String?

  package init(
    method: HTTPMethod, path: String, query: String = "", version: HTTPVersion = .http1_1, hosts: [String] = ["localhost"],
    origins: [String] = [], isForwarded: Bool = false, contentTypes: [String] = [], requestID: String? = nil, authorizations: [String] = [],
    ownAuthorizations: [String] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.version = version
    self.hosts = hosts
    self.origins = origins
    self.isForwarded = isForwarded
    self.contentTypes = contentTypes
    self.authorizations = authorizations
    self.ownAuthorizations = ownAuthorizations
    self.requestID = requestID
  }

  /// One type, with or without parameters. A web page can send a form or a text anywhere, but JSON only where it is allowed to.
  var isJSON: Bool {
    guard contentTypes.count == 1, let type = contentTypes[0].split(separator: ";").first else { return false }
    return type.trimmingBlanks.lowercased() == "application/json"
  }
}

extension AdminRequest {
  /// Of which nodes a snapshot is wanted: `scope=cluster`, the default, or `scope=node`; nil for another scope. Other members of the query
  /// are ignored.
  var extent: Subscription.Scope? {
    let scopes = query.split(separator: "&").filter { $0.hasPrefix("scope=") }.map { $0.dropFirst("scope=".count) }
    guard scopes.count <= 1 else { return nil }
    return scopes.first.map { Subscription.Scope(rawValue: String($0)) } ?? .cluster
  }
}

/// What the admin port has.
package enum AdminRoute: Equatable, Sendable {
  case health
  case ready
  case metrics
  case status
  /// What would become of a request.
  case route
  /// The status WebSocket.
  case watch
  /// Ends a listener; its ID as it stands in the path.
  case disconnect(listener: String)
  case blocks
  /// Shows a block, or lifts it.
  case block(String)

  package init?(path: String) {
    switch path {
    case "/health": self = .health
    case "/ready": self = .ready
    case "/metrics": self = .metrics
    case "/status/v1": self = .status
    case "/status/v1/route": self = .route
    case "/status/v1/watch": self = .watch
    case "/status/v1/blocks": self = .blocks
    default:
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count >= 5, parts[0].isEmpty, parts[1] == "status", parts[2] == "v1", !parts[4].isEmpty else { return nil }
      switch (parts[3], parts.dropFirst(5)) {
      case ("listeners", ["disconnect"]): self = .disconnect(listener: String(parts[4]))
      case ("blocks", []): self = .block(String(parts[4]))
      default: return nil
      }
    }
  }

  var methods: [HTTPMethod] {
    switch self {
    case .disconnect: [.POST]
    case .watch: [.GET]
    case .block: [.GET, .HEAD, .DELETE]
    default: [.GET, .HEAD]
    }
  }

  /// Whether it is served without a token unless `admin.auth.protect-health` says otherwise.
  var isForMachines: Bool { isProbe || self == .metrics }

  /// Probes are for load balancers and kubelets, that send any `Host`, and say nothing worth hiding from a browser.
  package var isProbe: Bool { self == .health || self == .ready }
}

/// A whole answer of the admin port.
package struct AdminResponse: Equatable, Sendable {
  package var status: HTTPResponseStatus
  package var contentType = "application/json"
  /// The value of `x-pico-error`.
  package var errorCode: String?
  /// For a 405: the value of `Allow`.
  package var allow: String?
  package var body: [UInt8]

  package init(status: HTTPResponseStatus, contentType: String = "application/json", body: [UInt8]) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }

  /// An error in the one form that every port uses. `words` and `code` are ours and need no escape.
  package init(error words: String, code: String, status: HTTPResponseStatus) {
    self.init(status: status, body: Array("{\"error\":\"\(words)\"}\n".utf8))
    errorCode = code
  }
}
