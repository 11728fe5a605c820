package import PicoAuth
internal import PicoCore
internal import PicoStatus

/// What is known of whoever sends an admin request.
package enum AdminAccess: Equatable, Sendable {
  /// The port has no authentication.
  case anonymous
  case verified(VerifiedClaims)
  case refused(TokenFault)
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
  /// nil when the key that the token names may be in the key set by now: then ``accessLater(of:)`` knows more.
  func access(of request: AdminRequest) -> AdminAccess? {
    let generation = generation
    var token: [UInt8] = []
    do throws(TokenFault) {
      token = try request.token
      return .verified(try verify(token))
    } catch {
      return mayHelp(error, of: token, since: generation) ? nil : .refused(error)
    }
  }

  func accessLater(of request: AdminRequest) async -> AdminAccess {
    if let access = access(of: request) { return access }
    if let token = try? request.token { await refreshForUnknownKey(of: token) }
    return access(of: request) ?? .refused(.invalid(.unknownKey))
  }
}

extension AdminRequest {
  fileprivate var token: [UInt8] {
    get throws(TokenFault) { try TokenHeader.token(authorization: authorizations, own: ownAuthorizations) }
  }
}
