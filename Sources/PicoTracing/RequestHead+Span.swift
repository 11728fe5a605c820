package import PicoHTTP
internal import PicoCore
package import Tracing

/// What spans say of a request, by the names of OpenTelemetry's semantic conventions for HTTP.
extension RequestHead {
  /// The method, or `HTTP` for one that is no standard one: nothing that a client makes up becomes the name of a span.
  package var spanName: String { method == .other ? "HTTP" : "\(method.name)" }

  /// The longest path that is told.
  private static var maximumPath: Int { 2048 }

  /// Method and path. The query is left out, as it may hold secrets.
  package func spanAttributes(_ bytes: RawSpan) -> SpanAttributes {
    var attributes = SpanAttributes()
    attributes["http.request.method"] = method == .other ? "_OTHER" : "\(method.name)"
    if method == .other { attributes["http.request.method_original"] = String(methodSlice.text(in: bytes).escapedForDisplay.prefix(64)) }
    let path = path.isEmpty ? "/" : path.text(in: bytes)
    attributes["url.path"] = String(path.escapedForDisplay.prefix(Self.maximumPath))
    return attributes
  }
}
