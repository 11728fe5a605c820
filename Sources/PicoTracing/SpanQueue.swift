internal import PicoCore
internal import Synchronization

/// Spans that wait to be exported: a bounded number, and what does not fit is counted and gone. Whoever adds one neither waits nor wakes anybody.
package final class SpanQueue: SpanSink {
  private struct State {
    var spans: [FinishedSpan] = []
    var dropped: UInt64 = 0
  }

  private let capacity: Int
  private let state = Locked(State())

  /// Of the spans of some seconds under load.
  package static let defaultCapacity = 4096

  package init(capacity: Int = SpanQueue.defaultCapacity) { self.capacity = capacity }

  package func take(_ span: FinishedSpan) {
    state.withLock { state in
      if state.spans.count < capacity { state.spans.append(span) } else { state.dropped &+= 1 }
    }
  }

  /// The oldest, at most that many.
  func next(_ most: Int) -> [FinishedSpan] {
    state.withLock { state in
      let batch = Array(state.spans.prefix(most))
      state.spans.removeFirst(batch.count)
      return batch
    }
  }

  /// To the front.
  func putBack(_ spans: [FinishedSpan]) { state.withLock { $0.spans.insert(contentsOf: spans, at: 0) } }

  /// Spans that found no room.
  var dropped: UInt64 { state.withLock { $0.dropped } }
}
