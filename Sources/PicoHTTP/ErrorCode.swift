/// The errors that Pico answers by itself, with the text of `{"error": …}`.
package enum ErrorCode: UInt8, CaseIterable, Equatable, Hashable, Sendable {
  case malformedRequest
  case missingEndpointID
  case missingToken
  case invalidToken
  case expiredToken
  case endpointNotPermitted
  case tenantNotPermitted
  case linkNotPermitted
  case blocked
  case notFound
  case methodNotAllowed
  case requestTimeout
  case requestBodyTooLarge
  case upgradeRequired
  case tooManyRequests
  case requestHeadTooLarge
  case internalError
  case noAvailableUpstreams
  case upstreamUnreachable
  case malformedResponse
  case shuttingDown
  case overloaded
  case upstreamTimeout
  case loopDetected
  case addressNotPermitted

  package var status: Int {
    switch self {
    case .malformedRequest, .missingEndpointID: 400
    case .missingToken, .invalidToken, .expiredToken: 401
    case .endpointNotPermitted, .tenantNotPermitted, .addressNotPermitted, .linkNotPermitted, .blocked: 403
    case .notFound: 404
    case .methodNotAllowed: 405
    case .requestTimeout: 408
    case .requestBodyTooLarge: 413
    case .upgradeRequired: 426
    case .tooManyRequests: 429
    case .requestHeadTooLarge: 431
    case .internalError: 500
    case .noAvailableUpstreams, .upstreamUnreachable, .malformedResponse: 502
    case .shuttingDown, .overloaded: 503
    case .upstreamTimeout: 504
    case .loopDetected: 508
    }
  }

  /// As in `x-pico-error`.
  package var kebab: String { "\(text)".split(separator: " ").joined(separator: "-") }

  /// The text of the body.
  package var text: StaticString {
    switch self {
    case .malformedRequest: "malformed request"
    case .missingEndpointID: "missing endpoint id"
    case .missingToken: "missing token"
    case .invalidToken: "invalid token"
    case .expiredToken: "expired token"
    case .endpointNotPermitted: "endpoint not permitted"
    case .tenantNotPermitted: "tenant not permitted"
    case .linkNotPermitted: "link not permitted"
    case .addressNotPermitted: "address not permitted"
    case .blocked: "blocked"
    case .notFound: "not found"
    case .methodNotAllowed: "method not allowed"
    case .requestTimeout: "request timeout"
    case .requestBodyTooLarge: "request body too large"
    case .upgradeRequired: "upgrade required"
    case .tooManyRequests: "too many requests"
    case .requestHeadTooLarge: "request head too large"
    case .internalError: "internal error"
    case .noAvailableUpstreams: "no available upstreams"
    case .upstreamUnreachable: "upstream unreachable"
    case .malformedResponse: "malformed response"
    case .shuttingDown: "shutting down"
    case .overloaded: "overloaded"
    case .upstreamTimeout: "upstream timeout"
    case .loopDetected: "loop detected"
    }
  }

  /// RFC 9110 section 15.
  package var reason: StaticString {
    switch status {
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    default: "Loop Detected"
    }
  }
}
