internal import NIOHTTP1
internal import NIOCore
internal import PicoAuth
internal import PicoCore
package import PicoStatus

/// Decides about an admin request from its head alone: refuse it, or which route serves it.
///
/// A web page in an operator's browser can send requests to addresses that only the browser reaches. Such requests carry the page's
/// `Origin`, or after DNS rebinding the page's name as `Host`: both are held against lists, and no CORS header is ever sent.
package struct AdminPolicy: Equatable, Sendable {
  /// Whole origins such as `https://console.example`.
  package var allowedOrigins: [String]
  /// Host names besides `localhost`, without a port.
  package var allowedHosts: [String]
  /// Serve nothing but `/health` and `/ready`.
  package var probesOnly: Bool

  /// The port listens on loopback addresses alone.
  package var isLoopback: Bool

  /// Whether probes and metrics want a token too, where the port has authentication.
  package var protectsHealth: Bool

  package init(
    allowedOrigins: [String] = [], allowedHosts: [String] = [], probesOnly: Bool = false, isLoopback: Bool = false,
    protectsHealth: Bool = false
  ) {
    self.allowedOrigins = allowedOrigins
    self.allowedHosts = allowedHosts
    self.probesOnly = probesOnly
    self.isLoopback = isLoopback
    self.protectsHealth = protectsHealth
  }

  /// What whoever sends the request may do. Where the port has no authentication that is decided by where it listens: on loopback only users
  /// of this machine reach it, unless a proxy brings others there.
  package func role(of request: AdminRequest, _ access: AdminAccess = .anonymous) -> StatusRole {
    switch access {
    case .anonymous: isLoopback && !request.isForwarded ? .operator : .viewer
    case .verified(let claims): claims.role.map { StatusRole($0) } ?? .viewer
    case .refused, .heldBack: .viewer
    }
  }

  package enum Decision: Equatable, Sendable {
    case serve(AdminRoute)
    case refuse(AdminResponse)
  }

  package func decide(_ request: AdminRequest, _ access: AdminAccess = .anonymous) -> Decision {
    guard request.hosts.count == 1 || (request.hosts.isEmpty && request.version == .http1_0) else {
      return .refuse(AdminResponse(.malformedRequest, status: .badRequest))
    }
    let route = AdminRoute(path: request.path).flatMap { probesOnly && !$0.isProbe ? nil : $0 }
    if route?.isProbe != true {
      guard request.origins.allSatisfy({ origin in allowedOrigins.contains { Self.isEqual($0, origin) } }),
        request.hosts.allSatisfy(isAllowed(host:))
      else { return .refuse(AdminResponse(.forbidden, status: .forbidden)) }
    }
    if let refusal = refusal(of: access, to: route) { return .refuse(refusal) }
    guard let route else { return .refuse(AdminResponse(.notFound, status: .notFound)) }
    guard route.methods.contains(request.method) else {
      var response = AdminResponse(.methodNotAllowed, status: .methodNotAllowed)
      response.allow = route.methods.map(\.rawValue).joined(separator: ", ")
      return .refuse(response)
    }
    if request.method == .POST || request.method == .DELETE {
      guard role(of: request, access) == .operator else { return .refuse(AdminResponse(.forbidden, status: .forbidden)) }
      guard request.method != .POST || request.isJSON else {
        return .refuse(AdminResponse(.unsupportedMediaType, status: .unsupportedMediaType))
      }
    }
    return .serve(route)
  }

  /// Without a token nobody learns even which paths there are.
  private func refusal(of access: AdminAccess, to route: AdminRoute?) -> AdminResponse? {
    guard !probesOnly, route?.isForMachines != true || protectsHealth else { return nil }
    switch access {
    case .anonymous: return nil
    case .refused(let fault): return AdminResponse(fault)
    case .heldBack: return AdminResponse(.tooManyRequests, status: .tooManyRequests)
    case .verified(let claims): return claims.role == nil ? AdminResponse(.forbidden, status: .forbidden) : nil
    }
  }

  /// An IP literal, `localhost`, or a name of the list; each with or without a port.
  private func isAllowed(host: String) -> Bool {
    guard let name = Self.name(ofHost: host) else { return false }
    return Self.isEqual(name, "localhost") || Self.isAddress(name) || allowedHosts.contains { Self.isEqual($0, name) }
  }

  /// The host without its port and an IPv6 literal without its brackets; nil for what is not a host.
  private static func name(ofHost host: String) -> String? {
    let name: Substring
    let rest: Substring
    if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
      name = host[host.index(after: host.startIndex)..<end]
      rest = host[host.index(after: end)...]
      guard isAddress(String(name)), name.contains(":") else { return nil }
    } else {
      let end = host.firstIndex(of: ":") ?? host.endIndex
      name = host[..<end]
      rest = host[end...]
    }
    guard !name.isEmpty else { return nil }
    guard rest.isEmpty || (rest.first == ":" && UInt16(rest.dropFirst()) != nil) else { return nil }
    return String(name)
  }

  private static func isAddress(_ name: String) -> Bool {
    (try? SocketAddress(ipAddress: name, port: 0)) != nil
  }

  private static func isEqual(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8) { $0 == $1 || ($0 | 0x20 == $1 | 0x20 && UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20) }
  }
}

extension AdminResponse {
  init(_ code: PicoError.Code, status: HTTPResponseStatus) {
    self.init(error: code.words, code: code.rawValue, status: status)
  }

  /// RFC 6750 section 3.
  init(_ fault: TokenFault) {
    switch fault {
    case .missing: self.init(.missingToken, status: .unauthorized)
    case .invalid: self.init(.invalidToken, status: .unauthorized)
    case .expired: self.init(.expiredToken, status: .unauthorized)
    }
  }

  /// The answer to `/ready`.
  package init(readiness: Readiness) {
    switch readiness {
    case .ready:
      self.init(status: .ok, body: Array("{\"status\":\"ready\"}\n".utf8))
    case .notReady(let reason):
      // Letters, digits and spaces only, so that it needs no escape.
      let words = String(reason.lowercased().unicodeScalars.filter { $0 == " " || ("a"..."z") ~= $0 || ("0"..."9") ~= $0 })
      self.init(error: words, code: words.replacing(" ", with: "-"), status: .serviceUnavailable)
    }
  }
}
