import FuzzDriver
import PicoTunnel

/// Session bytes of a hostile peer, and what our own side does in between: the session must keep its books, whatever comes.
///
/// The input is a list of steps. A step that begins with a byte under 0x80 is a frame header of 12 bytes, taken as it is or, with an odd
/// first byte, brought near to what a peer would send; others are deeds of ours.
@main
struct FuzzYamuxFrame {
  static func main() {
    let status = FuzzDriver.run { input in
      guard let choice = input.first else { return }
      var session = CheckedSession(choice)
      var rest = input.dropFirst()
      while let step = rest.first, !session.isOver {
        rest = rest.dropFirst()
        if step < 0x80 {
          guard rest.count >= 12 else { return }
          session.receive(Array(rest.prefix(12)), isTamed: step & 1 == 1)
          rest = rest.dropFirst(12)
        } else {
          session.act(step, rest.first ?? 0)
          rest = rest.dropFirst()
        }
        session.checkBooks()
      }
    }
    FuzzDriver.expect(status == 0, "the fuzzer ended with \(status)")
  }
}

/// A session beside a model of it that is kept in dictionaries.
struct CheckedSession {
  struct Stream {
    var id: UInt32
    var unread = 0
    /// Bytes that the peer may still send, as the frames that we returned tell it.
    var allowance: Int
    var sendWindow: Int
    var isFinSent = false
    var isFinReceived = false
  }

  private(set) var isOver = false
  private var machine: SessionStateMachine
  private var streams: [Int: Stream] = [:]
  private var now: UInt64 = 1
  private let isNode: Bool

  init(_ choice: UInt8) {
    isNode = choice & 1 == 1
    var settings = SessionSettings(role: isNode ? .server : .client, isPico: choice & 2 == 0)
    settings.initialWindow = 10_000
    settings.maximumWindow = choice & 4 == 0 ? 10_000 : 100_000
    settings.maximumStreams = 5
    settings.maximumBuffered = 60_000
    settings.floodLimit = 50
    machine = SessionStateMachine(settings: settings)
  }

  private static let window = 10_000

  mutating func receive(_ bytes: [UInt8], isTamed: Bool) {
    var bytes = bytes
    if isTamed {
      (bytes[0], bytes[1], bytes[2], bytes[3]) = (0, bytes[1] & 3, 0, bytes[3] & 15)
      (bytes[4], bytes[5], bytes[6], bytes[7]) = (0, 0, 0, bytes[7] & 15)
      (bytes[8], bytes[9], bytes[10]) = (0, 0, bytes[10] & 0x3F)
    }
    // Twelve bytes are there.
    let read = unsafe bytes.withUnsafeBytes { raw in unsafe raw.baseAddress.flatMap { unsafe YamuxFrameHeader($0) } }
    guard let header = read else {
      FuzzDriver.expect(bytes[0] != 0 || bytes[1] > 3 || bytes[2] != 0 || bytes[3] > 15, "a good header was refused: \(bytes)")
      return isOver = true
    }
    var written = [UInt8](repeating: 0xAA, count: 12)
    // Twelve bytes are there.
    unsafe written.withUnsafeMutableBytes { raw in if let start = raw.baseAddress { unsafe header.write(to: start) } }
    FuzzDriver.expect(written == bytes, "read \(header) from \(bytes)")
    now += 1000
    obey(machine.receive(header, now: now), header)
  }

  private mutating func obey(_ action: SessionStateMachine.FrameAction, _ header: YamuxFrameHeader) {
    switch action {
    case .data(let slot, let length, let fin):
      FuzzDriver.expect(header.type == .data && length == Int(header.length), "\(action) for \(header)")
      take(slot, header, length: length, fin: fin)
    case .accept(let slot, let length, let fin):
      FuzzDriver.expect(streams[slot] == nil && header.flags.contains(.syn), "slot \(slot) twice")
      FuzzDriver.expect(!streams.values.contains { $0.id == header.streamID }, "stream \(header.streamID) twice")
      streams[slot] = Stream(
        id: header.streamID, allowance: Self.window, sendWindow: Self.window + (header.type == .windowUpdate ? Int(header.length) : 0))
      take(slot, header, length: length, fin: fin)
    case .writable(let slot, let fin):
      streams[slot]?.sendWindow += Int(header.length)
      take(slot, header, length: 0, fin: fin)
    case .reset(let slot, let code, _):
      FuzzDriver.expect(
        header.flags.contains(.rst) && code != .sessionLost && streams[slot]?.id == header.streamID, "\(action) for \(header)")
      streams[slot] = nil
    case .drain(let length):
      FuzzDriver.expect(header.type == .data && length == Int(header.length) && length > 0, "\(action) for \(header)")
      FuzzDriver.expect(!streams.values.contains { $0.id == header.streamID }, "payload of a stream skipped")
    case .refuse(let id, let length):
      FuzzDriver.expect(id == header.streamID && length == (header.type == .data ? Int(header.length) : 0), "\(action) for \(header)")
    case .pingRequest(let value), .pingReply(let value):
      FuzzDriver.expect(header.type == .ping && value == header.length, "\(action) for \(header)")
    case .note(let slot, let half):
      FuzzDriver.expect(header.type == .note && half == header.length && streams[slot]?.id == header.streamID, "\(action) for \(header)")
    case .goAway: FuzzDriver.expect(header.type == .goAway, "\(action) for \(header)")
    case .none: FuzzDriver.expect(header.type != .data || header.length == 0, "payload without a place: \(header)")
    case .fault: isOver = true
    }
  }

  private mutating func take(_ slot: Int, _ header: YamuxFrameHeader, length: Int, fin: Bool) {
    guard let stream = streams[slot], stream.id == header.streamID else { FuzzDriver.fail("slot \(slot) is not of \(header)") }
    FuzzDriver.expect(length <= stream.allowance, "stream \(stream.id) took \(length) bytes with \(stream.allowance) allowed")
    FuzzDriver.expect(!stream.isFinReceived || (length == 0 && !fin), "something behind FIN")
    streams[slot]?.allowance -= length
    streams[slot]?.unread += length
    guard fin else { return }
    streams[slot]?.isFinReceived = true
    let isGone = machine.finishReceiving(slot)
    FuzzDriver.expect(isGone == stream.isFinSent, "stream \(stream.id) ended on one side only")
    if isGone { streams[slot] = nil }
  }

  // MARK: What our side does

  mutating func act(_ step: UInt8, _ amount: UInt8) {
    now += UInt64(amount) * 100_000
    let slots = streams.keys.sorted()
    switch step & 7 {
    case 0:
      guard let slot = machine.open() else { return }
      FuzzDriver.expect(streams[slot] == nil, "slot \(slot) twice")
      streams[slot] = Stream(id: machine.streamID(slot), allowance: Self.window, sendWindow: Self.window)
    case 1: machine.roundTrip = UInt64(amount) * 1_000_000
    case 2 where amount > 250:
      _ = machine.goAway()
    default:
      guard !slots.isEmpty else { return }
      let slot = slots[Int(step >> 3) % slots.count]
      guard let stream = streams[slot] else { return }
      touch(slot, stream, step, amount)
    }
  }

  private mutating func touch(_ slot: Int, _ stream: Stream, _ step: UInt8, _ amount: UInt8) {
    switch step & 7 {
    case 3, 4:
      guard !stream.isFinSent else { return }
      let count = min(machine.sendWindow(slot), Int(amount) * 40)
      let fin = step & 7 == 4
      let (header, isClosed) = machine.sendData(slot, count: count, fin: fin)
      FuzzDriver.expect(header.streamID == stream.id && Int(header.length) == count, "\(header)")
      FuzzDriver.expect(isClosed == (fin && stream.isFinReceived), "stream \(stream.id) ended on one side only")
      streams[slot]?.sendWindow -= count
      streams[slot]?.isFinSent = fin
      if isClosed { streams[slot] = nil }
    case 5:
      _ = machine.reset(slot, code: StreamResetCode(rawValue: UInt32(amount)) ?? .sessionLost)
      streams[slot] = nil
    case 6:
      let count = min(stream.unread, Int(amount) * 80)
      streams[slot]?.unread -= count
      guard let update = machine.consumed(slot, count: count, now: now) else { return }
      FuzzDriver.expect(update.type == .windowUpdate && update.streamID == stream.id && !stream.isFinReceived, "\(update)")
      streams[slot]?.allowance += Int(update.length)
    default:
      if let header = machine.acknowledge(slot) { FuzzDriver.expect(header.flags == .ack, "\(header)") }
    }
  }

  func checkBooks() {
    guard !isOver else { return }
    FuzzDriver.expect(machine.streamCount == streams.count, "\(machine.streamCount) streams, \(streams.count) in the books")
    FuzzDriver.expect(machine.streamCount <= 6, "more streams than allowed")
    FuzzDriver.expect(machine.unreadBytes == streams.values.reduce(0) { $0 + $1.unread }, "unread bytes miscounted")
    for (slot, stream) in streams {
      FuzzDriver.expect(machine.streamID(slot) == stream.id && machine.slot(of: stream.id) == slot, "stream \(stream.id) is lost")
      FuzzDriver.expect(machine.unread(slot) == stream.unread, "stream \(stream.id): unread miscounted")
      FuzzDriver.expect(machine.sendWindow(slot) == stream.sendWindow, "stream \(stream.id): send window")
      FuzzDriver.expect(stream.allowance >= 0 && stream.allowance <= 100_000, "stream \(stream.id): window of \(stream.allowance)")
    }
  }
}
