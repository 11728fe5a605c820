internal import NIOCore
internal import PicoCore
internal import PicoTunnel
internal import Synchronization

/// What one loop has for another: emptied once a tick, so that a burst costs one wake-up.
final class Mailbox: Sendable {
  // The letters hold objects of the receiving loop, or of the sending one that it hands over; only the receiver opens them.
  private struct Letters: @unchecked Sendable {
    var waiting: ContiguousArray<CrossLoopLetter> = []
    var isOpening = false
  }

  private let letters = Locked(Letters())
  // Touched by the receiving loop only.
  private nonisolated(unsafe) var opened: ContiguousArray<CrossLoopLetter> = []
  private let receiver: any EventLoop

  init(receiver: any EventLoop) { self.receiver = receiver }

  func post(_ letter: CrossLoopLetter) {
    // `letter` leaves the sender here and is opened on the receiver: no two loops hold it at once.
    nonisolated(unsafe) let letter = letter
    let isFirst = letters.withLock { letters in
      unsafe letters.waiting.append(letter)
      defer { letters.isOpening = true }
      return !letters.isOpening
    }
    if isFirst { receiver.execute { self.open() } }
  }

  private func open() {
    letters.withLock { letters in
      letters.isOpening = false
      unsafe swap(&letters.waiting, &opened)
    }
    for index in unsafe opened.indices { unsafe opened[index].deliver() }
    unsafe opened.removeAll(keepingCapacity: true)
  }
}

/// A mailbox for each pair of loops of a process.
struct Mailboxes: Sendable {
  private let boxes: [[Mailbox]]

  init(loops: [LoopResources]) {
    boxes = loops.map { _ in loops.map { Mailbox(receiver: $0.eventLoop) } }
  }

  subscript(from sender: LoopResources, to receiver: LoopResources) -> Mailbox { boxes[sender.index][receiver.index] }
}
