package import NIOHTTP1

/// What the admin port needs to know of a request head.
package struct AdminRequest: Equatable, Sendable {
  package var method: HTTPMethod
  /// The target without its query.
  package var path: String
  package var version: HTTPVersion
  package var hosts: [String]
  package var origins: [String]
  /// It carries a field that proxies add: `Forwarded`, `X-Forwarded-…`, `X-Real-IP` or `Via`.
  package var isForwarded: Bool
  /// The client's own, if it may be kept.
  package var requestID: String?

  package init(
    method: HTTPMethod, path: String, version: HTTPVersion = .http1_1, hosts: [String] = ["localhost"], origins: [String] = [],
    isForwarded: Bool = false, requestID: String? = nil
  ) {
    self.method = method
    self.path = path
    self.version = version
    self.hosts = hosts
    self.origins = origins
    self.isForwarded = isForwarded
    self.requestID = requestID
  }
}

/// What the admin port has.
package enum AdminRoute: Equatable, Sendable {
  case health
  case ready
  case metrics
  case status

  package init?(path: String) {
    switch path {
    case "/health": self = .health
    case "/ready": self = .ready
    case "/metrics": self = .metrics
    case "/status/v1": self = .status
    default: return nil
    }
  }

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
