internal import PicoCore
internal import PicoHTTP

/// What the proxy port's handlers read of the configuration and what stays as it was at the start; see ``ProxyLimits`` for the rest.
struct ProxySettings: Sendable {
  var lookup: EndpointLookup
  /// By the place of the domain that names it; empty when none does.
  var tenants: [TenantID?]
  var addsVia: Bool
  /// `metrics.endpoint-label`.
  var labelsEndpoints: Bool
  /// Connections begin with a PROXY protocol header.
  var usesProxyProtocol: Bool
  /// Streams that a client may have open on a connection of HTTP/2; 0 where it is not spoken.
  var maximumHTTP2Streams: Int

  init(_ configuration: ServerConfiguration) {
    let proxy = configuration.proxy
    lookup = EndpointLookup(
      usesHeader: proxy.endpointFrom.contains(.header), usesHost: proxy.endpointFrom.contains(.host),
      domains: proxy.domains.map(\.domain.text))
    tenants = proxy.domains.contains { $0.tenant != nil } ? proxy.domains.map(\.tenant) : []
    addsVia = proxy.via
    labelsEndpoints = configuration.metrics.endpointLabel
    usesProxyProtocol = proxy.proxyProtocol
    maximumHTTP2Streams = proxy.http2 ? proxy.http2MaxStreams : 0
  }

  /// The tenant whose domain the request's host is below.
  func tenant(namedBy head: borrowing RequestHead, _ span: RawSpan) -> TenantID? {
    tenants.isEmpty ? nil : lookup.domain(of: head, span).flatMap { tenants[$0] }
  }
}
