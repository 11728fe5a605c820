internal import PicoCore
internal import PicoHTTP

/// What the access log and a tail say of a request's head; made only when the log is on or the request is tailed.
struct AccessRecord {
  /// Somebody looks at the requests of the endpoint.
  var isTailed = false
  let method: String
  /// Path and query.
  let target: String
  let host: String
  let client: String
  /// Of `proxy.access-log-headers`: names and values as they came.
  let headers: [(name: String, value: String)]

  init(method: String, target: String, host: String, client: String, headers: [(name: String, value: String)] = []) {
    self.method = method
    self.target = target
    self.host = host
    self.client = client
    self.headers = headers
  }

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

  /// As a line in Combined Log Format has it.
  func combined(_ exchange: ExchangeState) -> CombinedLogEntry {
    CombinedLogEntry(
      client: client, method: method, target: target, version: "\(exchange.protocolName)",
      status: UInt64(clamping: exchange.status), bytesOut: UInt64(clamping: exchange.bytesOut), referer: value("referer"),
      userAgent: value("user-agent"))
  }

  private func value(_ name: String) -> String { headers.first { $0.name == name }?.value ?? "" }

  /// The longest path that a tail shows.
  private static let maximumPath = 2048

  /// The target with a `?…` for its query and without userinfo: both may hold secrets.
  var redactedPath: String {
    var path = target[...]
    if let scheme = path.firstRange(of: "://") {
      let authority = path[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
      path = path[authority.endIndex...]
    }
    guard let query = path.firstIndex(of: "?") else { return String(path.prefix(Self.maximumPath)) }
    return path[..<query].prefix(Self.maximumPath) + "?…"
  }

  /// Never logged, whatever the list says.
  private static let secrets: FieldNames = [.authorization, .picoAuthorization, .proxyAuthorization, .cookie, .setCookie]
}

extension HeaderName {
  /// What Combined Log Format says of the request's fields.
  static let combinedLog = ["referer", "user-agent"].compactMap { try? HeaderName(configurationText: $0) }
}
