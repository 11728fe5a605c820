internal import NIOCore
package import PicoAuth
internal import PicoCore
internal import PicoStatus

/// What is known of whoever sends an admin request.
package enum AdminAccess: Equatable, Sendable {
  /// The port has no authentication.
  case anonymous
  case verified(VerifiedClaims)
  case refused(TokenFault)
  /// Too many tokens of the same address were bad: this one was not looked at.
  case heldBack
}

extension StatusRole {
  init(_ role: TokenRole) {
    switch role {
    case .viewer: self = .viewer
    case .operator: self = .operator
    }
  }
}

extension PortAuthenticator {
  /// nil when the key that the token names may be in the key set by now: then ``accessLater(of:from:)`` knows more.
  func access(of request: AdminRequest, from client: IPAddress?) -> AdminAccess? {
    let (generation, now) = (generation, NIODeadline.now().uptimeNanoseconds)
    let token: [UInt8]
    do throws(TokenFault) {
      token = try request.token
    } catch {
      return .refused(error)
    }
    let fingerprint = Fingerprint(token)
    guard failures.mayTry(fingerprint, of: client, now: now) else { return .heldBack }
    do throws(TokenFault) {
      let claims = try verify(token)
      failures.recordSuccess(fingerprint)
      return .verified(claims)
    } catch {
      if mayHelp(error, of: token, since: generation) { return nil }
      failures.recordFailure(fingerprint, of: client, now: now)
      return .refused(error)
    }
  }

  func accessLater(of request: AdminRequest, from client: IPAddress?) async -> AdminAccess {
    if let access = access(of: request, from: client) { return access }
    if let token = try? request.token { await refreshForUnknownKey(of: token) }
    return access(of: request, from: client) ?? .refused(.invalid(.unknownKey))
  }
}

extension AdminRequest {
  fileprivate var token: [UInt8] {
    get throws(TokenFault) { try TokenHeader.token(authorization: authorizations, own: ownAuthorizations) }
  }
}
