internal import NIOCore
internal import PicoCluster
package import PicoCore
internal import PicoTunnel
internal import Synchronization

/// Another node of the cluster as this one sees it: a link to it from each loop, and whether it can be reached.
///
/// What other loops read is immutable or atomic; each loop's link belongs to that loop.
@safe package final class RemoteNode: @unchecked Sendable {
  package let id: NodeID
  /// Of no loop that runs: what stands for the node's listeners is on all of them alike.
  let nowhere: LoopResources
  private let reached: @Sendable (RemoteNode) -> Void
  /// Loops whose link is open.
  private let openLinks = Atomic<Int>(0)
  private let drains = Atomic<Bool>(false)
  private let hopCount = Atomic<UInt64>(0)
  /// When a hop was last left without an answer, in steady nanoseconds: it is left out until its link has heard of it again.
  private let suspectedAt = Atomic<UInt64>(0)
  // One entry for each loop, each written and read by its own loop only.
  private nonisolated(unsafe) let links: UnsafeMutableBufferPointer<Link?>

  /// - Parameter reached: called when a first link to it opens, from its loop.
  init(id: NodeID, eventLoop: any EventLoop, loopCount: Int, reached: @escaping @Sendable (RemoteNode) -> Void = { _ in }) {
    self.id = id
    self.reached = reached
    nowhere = LoopResources(eventLoop: eventLoop, index: -1)
    unsafe links = .allocate(capacity: loopCount)
    unsafe links.initialize(repeating: nil)
  }

  deinit {
    unsafe links.deinitialize()
    unsafe links.deallocate()
  }

  /// Of this node.
  var loopCount: Int { unsafe links.count }

  /// Some link to it is open, and nothing says that it hangs.
  var isReachable: Bool { openLinks.load(ordering: .relaxed) > 0 && suspectedAt.load(ordering: .relaxed) == 0 }

  /// Some link to it is open, whether it answers at the moment or not.
  var isLinked: Bool { openLinks.load(ordering: .relaxed) > 0 }

  /// It gives its listeners away: only what no other node has goes to it.
  var isDraining: Bool {
    get { drains.load(ordering: .relaxed) }
    set { drains.store(newValue, ordering: .relaxed) }
  }

  /// Streams that were opened to it.
  var hops: UInt64 { hopCount.load(ordering: .relaxed) }

  func linkOpened() { if openLinks.add(1, ordering: .relaxed).oldValue == 0 { reached(self) } }
  func linkClosed() { openLinks.subtract(1, ordering: .relaxed) }
  func suspect(now: UInt64) { suspectedAt.store(max(1, now), ordering: .relaxed) }
  func heard() { suspectedAt.store(0, ordering: .relaxed) }

  /// On the loop alone.
  func link(_ loop: LoopResources) -> Link? { unsafe links[loop.index] }

  /// On the loop alone.
  func set(_ link: Link?, on loop: LoopResources) { unsafe links[loop.index] = link }

  /// Opens a hop for a consumer on `caller`'s loop; nil when that loop has no link now, or one that takes no more.
  func open(_ consumer: any StreamConsumer, _ header: HopHeader, from caller: LoopResources) -> (any ByteStream)? {
    guard let stream = link(caller)?.tunnel?.open(consumer) else { return nil }
    hopCount.add(1, ordering: .relaxed)
    _ = unsafe header.bytes.withUnsafeBytes { unsafe stream.write($0, end: false) }
    return stream
  }
}
