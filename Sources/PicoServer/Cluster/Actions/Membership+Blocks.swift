internal import Logging
internal import PicoCluster
internal import PicoCore
internal import Synchronization

/// Blocks of all nodes: in the store for those that come later, and over the links at once.
extension Membership {
  /// A block is new, has shrunk or was lifted here: the store is told, as soon as it answers.
  func write(_ block: String) { blocksToWrite.yield(block) }

  /// Writes what is to be known of each block, until the store has it or its time is over.
  func writeBlocks(_ blocks: AsyncStream<String>) async {
    for await id in blocks {
      while !Task.isCancelled, let record = node.blocks.record(of: id, now: actions.now) {
        let left = Duration.nanoseconds(Int64(clamping: record.deadline - min(record.deadline, actions.now)))
        do throws(PicoError) {
          try await store.putBlock(id, record.json(), lasting: max(left, .seconds(1)))
          break
        } catch {
          node.logger.debug("a block waits for the store", metadata: ["block": "\(id)", "error": "\(error)"])
          try? await Task.sleep(for: .seconds(1))
        }
      }
    }
  }

  /// The store says something of a block.
  func obey(block id: String, _ value: [UInt8]?) async {
    state.withLock { state in
      if value == nil { state.storedBlocks.remove(id) } else { state.storedBlocks.insert(id) }
    }
    guard let value else { return restore(id) }
    do {
      if let record = try BlockRecord.read(json: value, now: actions.now, wall: .now()) { await actions.take(record) }
    } catch {
      node.logger.warning("a block in the store could not be read", metadata: ["block": "\(id)", "reason": "\(error)"])
    }
  }

  /// A block that is not over is lifted by another record and never by its absence: the store has lost it. Whoever is first writes it again.
  private func restore(_ id: String) {
    guard let record = node.blocks.record(of: id, now: actions.now), record.deadline > actions.now &+ 5_000_000_000 else { return }
    Task {
      try? await Task.sleep(for: .milliseconds(Int64.random(in: 500...2500)))
      if !state.withLock({ $0.storedBlocks.contains(id) }) { write(id) }
    }
  }

  /// A node can be reached, again or for the first time: it may have missed what was said of blocks.
  func tellBlocks(to peer: RemoteNode) async {
    let records = node.blocks.records(now: actions.now)
    guard !records.isEmpty else { return }
    let message = ActionQuestion.blocks(records).json(now: actions.now)
    _ = await Inquiry.ask(peer, .actions, message, on: loops, within: ActionPeers.patience)
  }
}
