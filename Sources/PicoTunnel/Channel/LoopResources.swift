package import NIOCore
internal import PicoCore

/// Something that gathered output during a tick and sends it at the tick's end.
package protocol TickFlushing: AnyObject {
  func flushTick()
}

/// Something that looks at its clocks now and then instead of scheduling a task for each timeout.
package protocol Sweepable: AnyObject {
  /// Called every ``LoopResources/sweepInterval``; `now` in nanoseconds of ``LoopResources/now()``.
  func sweep(now: UInt64)
}

/// What everything on one event loop shares: buffers, the end of the tick, the sweep, randomness. Confined to that loop.
///
/// Buffers come from a stack and go back after they were handed to the channel; where the kernel did not take all, NIO still holds the
/// storage and the next writer gets fresh storage by copy-on-write, so reuse is always safe.
package final class LoopResources {
  package let eventLoop: any EventLoop
  /// Position of the loop in its process, from 0.
  package let index: Int
  /// Where received bytes are unmasked; valid for the duration of one read.
  package var inbound = ByteBuffer()

  private var buffers: [ByteBuffer] = []
  private var flushes: [any TickFlushing] = []
  private var flushesRunning: [any TickFlushing] = []
  private var isFlushScheduled = false
  private var sweepables: [ObjectIdentifier: any Sweepable] = [:]
  private var sweepTask: RepeatedTask?
  private var entropy: [UInt32] = []
  private var weak: UInt64

  package static let sweepInterval = TimeAmount.milliseconds(250)
  private static let keptBuffers = 64
  private static let entropyWords = 64
  private static let smallestKeptBuffer = 4096
  private static let largestKeptBuffer = 256 << 10
  private static let allocator = ByteBufferAllocator()

  package init(eventLoop: any EventLoop, index: Int) {
    self.eventLoop = eventLoop
    self.index = index
    weak = UInt64.random(in: 1...UInt64.max)
  }

  /// Steady nanoseconds.
  @inline(__always)
  package func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

  // MARK: Buffers

  /// An empty buffer.
  package func takeBuffer() -> ByteBuffer {
    buffers.popLast() ?? Self.allocator.buffer(capacity: Self.smallestKeptBuffer)
  }

  package func giveBack(_ buffer: consuming ByteBuffer) {
    guard buffers.count < Self.keptBuffers, Self.smallestKeptBuffer...Self.largestKeptBuffer ~= buffer.capacity else { return }
    buffer.clear()
    buffers.append(buffer)
  }

  // MARK: The end of the tick

  /// Calls `flushing.flushTick()` once all events of this tick were handled. The caller asks once a tick.
  package func flushAtEndOfTick(_ flushing: any TickFlushing) {
    flushes.append(flushing)
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    eventLoop.assumeIsolated().execute { self.runFlushes() }
  }

  private func runFlushes() {
    isFlushScheduled = false
    swap(&flushes, &flushesRunning)
    for flushing in flushesRunning { flushing.flushTick() }
    flushesRunning.removeAll(keepingCapacity: true)
  }

  // MARK: The sweep

  package func startSweeping(_ sweepable: any Sweepable) {
    sweepables[ObjectIdentifier(sweepable)] = sweepable
    guard sweepTask == nil else { return }
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    sweepTask = eventLoop.scheduleRepeatedTask(initialDelay: Self.sweepInterval, delay: Self.sweepInterval) { _ in
      bound.value.sweepAll()
    }
  }

  package func stopSweeping(_ sweepable: any Sweepable) {
    sweepables.removeValue(forKey: ObjectIdentifier(sweepable))
  }

  private func sweepAll() {
    guard !sweepables.isEmpty else {
      sweepTask?.cancel()
      sweepTask = nil
      return
    }
    let now = now()
    for sweepable in Array(sweepables.values) { sweepable.sweep(now: now) }
  }

  // MARK: Randomness

  /// 32 bits from the system's generator, fetched 64 words at a time: the masks of frames must not be guessable (RFC 6455 section 10.3).
  package func strongRandom() -> UInt32 {
    if let word = entropy.popLast() { return word }
    entropy = Entropy.words(Self.entropyWords)
    return entropy.removeLast()
  }

  /// 64 bits for choices that nobody needs to be unable to guess (xorshift64*).
  @inline(__always)
  package func fastRandom() -> UInt64 {
    weak ^= weak >> 12
    weak ^= weak << 25
    weak ^= weak >> 27
    return weak &* 0x2545_F491_4F6C_DD1D
  }
}
