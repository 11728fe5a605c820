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
    do throws(TokenFault) {
      return .verified(try verify(try TokenHeader.token(authorization: request.authorizations, own: request.ownAuthorizations)))
    } catch {
      return mayHelp(error) ? nil : .refused(error)
    }
  }

  func accessLater(of request: AdminRequest) async -> AdminAccess {
    if let access = access(of: request) { return access }
    _ = await ring.refreshForUnknownKey()
    return access(of: request) ?? .refused(.invalid(.unknownKey))
  }
}
