internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTracing
internal import PicoTunnel
internal import Tracing

/// The span of a request at the node that it came to, and the trace that it goes on with.
extension ProxyHandler {
  /// Takes the request into its trace, or begins one. A trace that its sender does not record goes on as it came; in every other case what goes on
  /// names a span of ours, or one that is not recorded, so that all nodes and agents behind this one decide alike.
  func joinTrace(_ head: inout RequestHead, _ bytes: ByteBuffer, _ tracer: SpanTracer) {
    let octets = bytes.readableBytesSpan
    forwarding.trace = nil
    span = nil
    guard port.contains(.requests), !ReservedPath.isReserved(head.path, octets) else { return }
    let parent = head.traceContext(octets)
    if let parent, !parent.isSampled { return }
    head.leaveOutTraceContext(octets, withState: parent == nil)
    guard parent != nil || tracer.takes(loop.resources.fastRandom()) else {
      // Of the three none is ever zero.
      forwarding.trace = TraceContext(
        traceHigh: loop.resources.fastRandom(), traceLow: loop.resources.fastRandom(), spanID: loop.resources.fastRandom(), isSampled: false
      )
      return
    }
    let span = tracer.span(head.spanName, .server, in: parent, attributes: attributes(head, octets))
    forwarding.trace = span.traceContext
    self.span = span
  }

  private func attributes(_ head: borrowing RequestHead, _ octets: RawSpan) -> SpanAttributes {
    var attributes = head.spanAttributes(octets)
    attributes["url.scheme"] = forwarding.isSecure ? "https" : "http"
    attributes["network.protocol.version"] = exchange.isHTTP2 ? "2" : head.version == .http11 ? "1.1" : "1.0"
    attributes["network.peer.address"] = peer.address?.description
    attributes["client.address"] = client(of: head, octets)?.description
    if let host = head.host?.text(in: octets), let place = try? HostPort(text: host, defaultPort: forwarding.isSecure ? 443 : 80) {
      attributes["server.address"] = place.host
      attributes["server.port"] = place.port
    }
    attributes["pico.node"] = node.id.text
    return attributes
  }

  /// For the span: the code of `x-pico-error`, or what else the errors of an endpoint are called.
  func failSpan(_ code: String) {
    // What is wrong with a request is the client's failure, not this node's.
    span?.fail(code, isError: exchange.status >= 500 || code == "cut-short")
  }

  /// The exchange is over.
  func end(_ span: RecordedSpan) {
    span.updateAttributes { attributes in
      if exchange.status > 0 { attributes["http.response.status_code"] = exchange.status }
      attributes["http.request.body.size"] = Int(exchange.requestBody.payloadBytes)
      attributes["http.response.body.size"] = exchange.bytesOut
      attributes["pico.request_id"] = forwarding.requestID.text
      attributes["pico.retries"] = max(0, exchange.attempts - 1)
      if exchange.isRouted, let endpoint = routes?.endpoint { attributes.name(endpoint) }
      if let listener {
        if let remote = listener.remote { attributes["pico.hop_node"] = remote.id.text }
        if let id = exchange.listenerID(listener) { attributes["pico.listener"] = id.description }
      }
    }
    span.end()
  }
}

extension SpanAttributes {
  mutating func name(_ endpoint: EndpointID) {
    self["pico.endpoint"] = endpoint.name
    if !endpoint.tenant.isDefault { self["pico.tenant"] = endpoint.tenant.name }
  }
}
