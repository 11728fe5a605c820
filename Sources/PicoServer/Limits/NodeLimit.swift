/// The limits that are answered with 429, by the key that sets each: access log, metrics and warnings name them so.
enum NodeLimit: UInt8, CaseIterable, Sendable {
  case clientRate
  case endpointRate
  case endpointRequests
  case proxyFailures
  case upstreamFailures
  case adminFailures
  case registrationRate
  case registrationRateOfAddress
  case listeners
  case listenersOfEndpoint
  case listenersOfToken

  var key: StaticString {
    switch self {
    case .clientRate: "proxy.client-rate-limit"
    case .endpointRate: "proxy.rate-limit"
    case .endpointRequests: "proxy.max-requests-per-endpoint"
    case .proxyFailures: "proxy.auth.failure-rate"
    case .upstreamFailures: "upstream.auth.failure-rate"
    case .adminFailures: "admin.auth.failure-rate"
    case .registrationRate: "upstream.registration-rate"
    case .registrationRateOfAddress: "upstream.registration-rate-per-address"
    case .listeners: "upstream.max-listeners"
    case .listenersOfEndpoint: "upstream.max-listeners-per-endpoint"
    case .listenersOfToken: "upstream.max-listeners-per-token"
    }
  }

  /// After how many seconds another try may do better. Rates are a second's; a place among listeners becomes free less often.
  var retryAfterSeconds: Int {
    switch self {
    case .listeners, .listenersOfEndpoint, .listenersOfToken: 5
    default: 1
    }
  }
}
