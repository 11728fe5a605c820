internal import NIOCore
internal import PicoCore
internal import PicoHTTP
internal import PicoTracing
internal import PicoTunnel
internal import Tracing

/// The span of a request towards the service.
extension UpstreamRelay {
  /// As a node does: a trace that its sender does not record goes on as it came. Without one a trace begins here.
  func joinTrace(_ bytes: ByteBuffer, _ tracer: SpanTracer) {
    let octets = bytes.readableBytesSpan
    let parent = request.traceContext(octets)
    if let parent, !parent.isSampled { return }
    request.leaveOutTraceContext(octets, withState: parent == nil)
    guard parent != nil || tracer.takes(pool.resources.fastRandom()) else {
      // Of the three none is ever zero.
      trace = TraceContext(
        traceHigh: pool.resources.fastRandom(), traceLow: pool.resources.fastRandom(), spanID: pool.resources.fastRandom(), isSampled: false
      )
      return
    }
    var attributes = request.spanAttributes(octets)
    attributes.merge(pool.service.spanAttributes)
    let span = tracer.span(request.spanName, .client, in: parent, attributes: attributes)
    trace = span.traceContext
    self.span = span
  }

  func end(_ span: RecordedSpan) {
    if isResponseHeadRead {
      let status = response.status
      span.updateAttributes { $0["http.response.status_code"] = status }
      if status >= 400, span.attributes.get("error.type") == nil { span.fail("\(status)", isError: true) }
    }
    span.end()
  }
}

extension UpstreamService {
  /// The same for each of its spans.
  fileprivate var spanAttributes: SpanAttributes {
    var attributes: SpanAttributes = ["pico.endpoint": .string(configuration.endpoint.name), "url.scheme": usesTLS ? "https" : "http"]
    switch configuration.upstream {
    case .http(let host), .https(let host), .h2c(let host), .tcp(let host):
      attributes["server.address"] = host.host
      attributes["server.port"] = host.port
    case .unix(let path):
      attributes["server.address"] = path
    }
    return attributes
  }
}
