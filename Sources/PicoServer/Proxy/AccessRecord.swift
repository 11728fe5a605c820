internal import PicoCore
internal import PicoHTTP

/// What the access log says of a request's head; made only when the log is on.
struct AccessRecord {
  let method: String
  /// Path and query.
  let target: String
  let host: String
  let client: String
  /// Of `proxy.access-log-headers`: names and values as they came.
  let headers: [(name: String, value: String)]

  init(_ head: borrowing RequestHead, _ bytes: RawSpan, client: HeaderText, headers names: [HeaderName]) {
    method = head.methodSlice.text(in: bytes)
    target = head.originForm.isEmpty ? head.target.text(in: bytes) : head.originForm.text(in: bytes)
    host = head.host?.text(in: bytes) ?? ""
    self.client = client.text
    var headers: [(name: String, value: String)] = []
    for field in head.fields {
      guard !names.isEmpty, !Self.secrets.contains(field.name) else { continue }
      let name = field.nameSlice.text(in: bytes).lowercased()
      if names.contains(where: { $0.text == name }) { headers.append((name, field.value.text(in: bytes))) }
    }
    self.headers = headers
  }

  /// Never logged, whatever the list says.
  private static let secrets: FieldNames = [.authorization, .picoAuthorization, .proxyAuthorization, .cookie, .setCookie]
}
