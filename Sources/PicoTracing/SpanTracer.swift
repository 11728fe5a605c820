internal import PicoCore
package import PicoHTTP
package import Tracing

/// Makes spans and gives those that ended to an exporter. What is traced holds the span itself, as no tasks run on the path of a request that
/// could carry it; apart from that this is any tracer of swift-distributed-tracing.
package final class SpanTracer: Tracer {
  private let sample: SampleRate
  private let sink: any SpanSink

  /// - Parameter sample: the part of the traces that begin here that is recorded. Of others their sender decides.
  package init(sample: SampleRate, sink: any SpanSink) {
    self.sample = sample
    self.sink = sink
  }

  /// Whether a trace that begins here is recorded. Allocates nothing, so it may be asked for each request.
  @inline(__always)
  package func takes(_ random: UInt64) -> Bool { sample.takes(random) }

  /// As ``startSpan(_:context:ofKind:at:function:file:line:)``, for whoever decided already that the span is recorded.
  package func span(_ name: String, _ kind: SpanKind, in parent: TraceContext?, attributes: SpanAttributes) -> RecordedSpan {
    var context = InstrumentationContext.topLevel
    context.traceContext = parent ?? .random(isSampled: true)
    let span = startSpan(name, context: context, ofKind: kind, isRoot: parent == nil, at: DefaultTracerClock.now)
    span.attributes = attributes
    return span
  }

  package func startSpan<Instant: TracerInstant>(
    _ operationName: String, context: @autoclosure () -> InstrumentationContext, ofKind kind: SpanKind,
    at instant: @autoclosure () -> Instant,
    function: String, file fileID: String, line: UInt
  ) -> RecordedSpan {
    var context = context()
    let isRoot = context.traceContext == nil
    if isRoot { context.traceContext = .random(isSampled: takes(.random(in: 0 ... .max))) }
    return startSpan(operationName, context: context, ofKind: kind, isRoot: isRoot, at: instant())
  }

  /// The context names a trace. The span of a root takes the place of the one that the context names.
  private func startSpan(
    _ name: String, context: InstrumentationContext, ofKind kind: SpanKind, isRoot: Bool, at instant: some TracerInstant
  ) -> RecordedSpan {
    var context = context
    var own = context.traceContext ?? .random(isSampled: false)
    let parent = isRoot ? nil : own.spanID
    if !isRoot { own.spanID = TraceContext.randomSpanID() }
    context.traceContext = own
    return RecordedSpan(
      name, context: context, own, parent: parent, kind: kind, startedAt: instant.nanosecondsSinceEpoch,
      sink: own.isSampled ? sink : nil)
  }

  /// What ended is exported twice a second anyway.
  package func forceFlush() {}

  package func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier, into context: inout InstrumentationContext, using extractor: Extract
  ) where Extract.Carrier == Carrier {
    guard let text = extractor.extract(key: "traceparent", from: carrier) else { return }
    context.traceContext = TraceContext(text)
  }

  package func inject<Carrier, Inject: Injector>(
    _ context: InstrumentationContext, into carrier: inout Carrier, using injector: Inject
  ) where Inject.Carrier == Carrier {
    guard let own = context.traceContext else { return }
    injector.inject(own.text, forKey: "traceparent", into: &carrier)
  }
}

/// Takes spans that ended, from any thread. Must not wait.
package protocol SpanSink: Sendable {
  func take(_ span: FinishedSpan)
}

extension InstrumentationContext {
  private enum TraceContextKey: InstrumentationContextKey {
    typealias Value = TraceContext
  }

  /// The trace, and the span that spans made in this context are children of.
  package var traceContext: TraceContext? {
    get { self[TraceContextKey.self] }
    set { self[TraceContextKey.self] = newValue }
  }
}
