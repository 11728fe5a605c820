extension RequestHead {
  /// The trace that the request is part of. nil when it is part of none, or says so in a way that counts as none: several fields, or a malformed
  /// one. For whoever traces; nobody else has to look.
  package func traceContext(_ bytes: RawSpan) -> TraceContext? {
    var found: HeadSlice?
    for field in section.fields where bytes.equals(field.nameSlice, folded: Self.parent) {
      guard found == nil else { return nil }
      found = field.value
    }
    return found.flatMap { TraceContext($0, in: bytes) }
  }

  /// Leaves `traceparent` out of what is written, as another one takes its place, and `tracestate` with it where the trace is a new one.
  package mutating func leaveOutTraceContext(_ bytes: RawSpan, withState: Bool) {
    section.leaveOut { name in
      bytes.equals(name, folded: Self.parent) || withState && bytes.equals(name, folded: Self.state)
    }
  }

  private static let parent: StaticString = "traceparent"
  private static let state: StaticString = "tracestate"
}
