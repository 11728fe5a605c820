/// A failure with what each reader of it needs: a code for programs, one line for people, a cause for the log and the side at fault.
package struct PicoError: Error, Sendable, CustomStringConvertible {
  /// What stands in `x-pico-error`, in `errors_total{code}` and, with spaces for hyphens, in the `error` of a JSON body.
  package enum Code: String, Sendable, CaseIterable {
    case malformedRequest = "malformed-request"
    case missingEndpointID = "missing-endpoint-id"
    case missingToken = "missing-token"
    case invalidToken = "invalid-token"
    case expiredToken = "expired-token"
    case endpointNotPermitted = "endpoint-not-permitted"
    case forbidden = "forbidden"
    case blocked = "blocked"
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case unsupportedMediaType = "unsupported-media-type"
    case requestTimeout = "request-timeout"
    case requestHeadTooLarge = "request-head-too-large"
    case requestBodyTooLarge = "request-body-too-large"
    case upgradeRequired = "upgrade-required"
    case tooManyRequests = "too-many-requests"
    case noAvailableUpstreams = "no-available-upstreams"
    case upstreamUnreachable = "upstream-unreachable"
    case malformedResponse = "malformed-response"
    case shuttingDown = "shutting-down"
    case overloaded = "overloaded"
    case upstreamTimeout = "upstream-timeout"
    case loopDetected = "loop-detected"
    case badConfiguration = "bad-configuration"
    case usage = "usage"
    case unreachable = "unreachable"
    case addressInUse = "address-in-use"
    case internalError = "internal-error"

    /// The words of the JSON body.
    package var words: String { String(rawValue.map { $0 == "-" ? " " : $0 }) }
  }

  /// Who must change something: the side that sent the request, the side that answers it, or we.
  package enum Side: String, Sendable {
    case downstream
    case upstream
    case `internal`
  }

  package let code: Code
  /// One line that names the flag, key, file:line or address at fault. Not escaped.
  package let message: String
  package let cause: (any Error)?
  package let side: Side

  package init(_ code: Code, _ message: String, side: Side, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.side = side
    self.cause = cause
  }

  /// The message and the cause, escaped for a terminal or a log.
  package var description: String {
    guard let cause else { return message.escapedForDisplay }
    return "\(message): \(cause)".escapedForDisplay
  }

  /// What a command ends with when this is what ended it.
  package var exit: SysExit {
    switch code {
    case .badConfiguration, .addressInUse: .configuration
    case .usage: .usage
    case .unreachable, .upstreamUnreachable, .noAvailableUpstreams, .upstreamTimeout, .requestTimeout, .shuttingDown, .overloaded,
      .tooManyRequests:
      .unavailable
    case .missingToken, .invalidToken, .expiredToken, .endpointNotPermitted, .forbidden, .blocked: .noPermission
    case .internalError: .software
    default: .dataError
    }
  }
}
