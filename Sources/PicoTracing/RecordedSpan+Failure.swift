internal import Tracing

extension RecordedSpan {
  /// What went wrong, by its code.
  /// - Parameter isError: the one whose span it is failed; else it only says that somebody else did.
  package func fail(_ code: String, isError: Bool) {
    updateAttributes { $0["error.type"] = code }
    if isError { setStatus(SpanStatus(code: .error, message: code)) }
  }
}
