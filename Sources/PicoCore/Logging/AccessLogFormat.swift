/// How a line of an access log looks.
package enum AccessLogFormat: String, Sendable, CaseIterable {
  case text
  case json
  /// One line as Apache and nginx write it; see ``AccessLogLine/combined(_:)``.
  case combined

  package init(_ format: LogFormat) {
    switch format {
    case .text: self = .text
    case .json: self = .json
    }
  }
}
