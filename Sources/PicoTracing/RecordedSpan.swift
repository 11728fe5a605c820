internal import PicoCore
package import PicoHTTP
internal import Synchronization
package import Tracing

/// A span that goes on. It is exported once, when it ends; what is said of it after that is lost.
package final class RecordedSpan: Span {
  private struct State {
    var name: String
    var attributes = SpanAttributes()
    var status: SpanStatus?
    var events: [SpanEvent] = []
    var links: [SpanLink] = []
    var isEnded = false
  }

  package let context: InstrumentationContext
  /// The same as ``context`` says, at hand.
  package let traceContext: TraceContext
  private let parent: UInt64?
  private let kind: SpanKind
  private let startedAt: UInt64
  /// Nil where the span is not recorded.
  private let sink: (any SpanSink)?
  private let state: Locked<State>

  init(
    _ name: String, context: InstrumentationContext, _ traceContext: TraceContext, parent: UInt64?, kind: SpanKind, startedAt: UInt64,
    sink: (any SpanSink)?
  ) {
    self.context = context
    self.traceContext = traceContext
    self.parent = parent
    self.kind = kind
    self.startedAt = startedAt
    self.sink = sink
    state = Locked(State(name: name))
  }

  package var isRecording: Bool { sink != nil && !state.withLock { $0.isEnded } }

  package var operationName: String {
    get { state.withLock { $0.name } }
    set { state.withLock { $0.name = newValue } }
  }

  package var attributes: SpanAttributes {
    get { state.withLock { $0.attributes } }
    set { state.withLock { $0.attributes = newValue } }
  }

  package func setStatus(_ status: SpanStatus) { state.withLock { $0.status = status } }
  package func addEvent(_ event: SpanEvent) { state.withLock { $0.events.append(event) } }
  package func addLink(_ link: SpanLink) { state.withLock { $0.links.append(link) } }

  package func recordError<Instant: TracerInstant>(
    _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
  ) {
    var attributes = attributes
    attributes["exception.type"] = "\(type(of: error))"
    attributes["exception.message"] = "\(error)"
    addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
  }

  package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
    guard let sink else { return }
    let endedAt = instant().nanosecondsSinceEpoch
    let ended: State? = state.withLock { state in
      guard !state.isEnded else { return nil }
      state.isEnded = true
      return state
    }
    guard let ended else { return }
    sink.take(
      FinishedSpan(
        context: traceContext, parent: parent, name: ended.name, kind: kind, startedAt: startedAt, endedAt: max(startedAt, endedAt),
        attributes: ended.attributes, status: ended.status, events: ended.events, links: ended.links))
  }
}

/// What is told of a span. Times are in nanoseconds since 1970.
package struct FinishedSpan: Sendable {
  package var context: TraceContext
  /// The ID of the span that this one is a part of; nil for the first of its trace.
  package var parent: UInt64?
  package var name: String
  package var kind: SpanKind
  package var startedAt: UInt64
  package var endedAt: UInt64
  package var attributes = SpanAttributes()
  package var status: SpanStatus?
  package var events: [SpanEvent] = []
  package var links: [SpanLink] = []
}
