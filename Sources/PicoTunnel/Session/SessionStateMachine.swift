/// One side of a yamux session as a value: frame headers go in, decisions come out; it never touches bytes, channels or clocks.
///
/// A stream lives in a slot that is used again after it ends:
/// ```
///            open() / SYN received
/// free ──────────────────────────────▶ open ──┬─ FIN sent ──────▶ half closed (local)  ──┬─ FIN received ─▶ free
///   ▲                                         ├─ FIN received ──▶ half closed (remote) ──┴─ FIN sent ─────▶ free
///   └───────────── RST either way ────────────┴──────────────────────────────────────────┘
/// ```
/// Misuse by the caller (a slot that is free) is our bug and traps in debug builds; misuse by the peer is a ``SessionFault``.
/// Source: hashicorp/yamux spec.md; what `pico.v1` adds is in docs/protocol.md.
package struct SessionStateMachine: Sendable {
  /// What a received frame header means. `length` bytes of payload follow it on the wire.
  package enum FrameAction: Equatable, Sendable {
    case none
    /// Payload for a stream; with `fin` the stream's receiving side ends behind the payload: report it by ``finishReceiving(_:)``.
    case data(slot: Int, length: Int, fin: Bool)
    /// The peer opened a stream; then as `data` (length may be 0).
    case accept(slot: Int, length: Int, fin: Bool)
    /// Payload of a stream that is gone: skip it.
    case drain(length: Int)
    /// The stream may send again.
    case writable(slot: Int, fin: Bool)
    /// The peer reset the stream; its slot is free already.
    case reset(slot: Int, code: StreamResetCode, wasAcknowledged: Bool)
    /// Answer with RST, then skip the payload: no room for another stream, or we are leaving.
    case refuse(streamID: UInt32, length: Int)
    case pingRequest(value: UInt32)
    case pingReply(value: UInt32)
    case goAway(code: UInt32)
    /// Half of what the other node notes of a stream that it took.
    case note(slot: Int, half: UInt32)
    case fault(SessionFault)
  }

  struct StreamState: Equatable, Sendable {
    var id: UInt32 = 0
    var sendWindow = 0
    /// Bytes that the peer may still send.
    var receiveWindow = 0
    var windowLimit = 0
    /// Received and not consumed.
    var unread = 0
    /// Consumed and not yet given back to the peer.
    var credit = 0
    var lastUpdate: UInt64 = 0
    var isSynDue = false
    var isAckDue = false
    var isAcknowledged = false
    var isFinSent = false
    var isFinReceived = false
  }

  package let settings: SessionSettings
  package private(set) var isGoAwayReceived = false
  package private(set) var isGoAwaySent = false
  /// Received and not consumed bytes of all streams.
  package private(set) var unreadBytes = 0
  /// The latest round trip in nanoseconds; it steers the growth of windows.
  package var roundTrip: UInt64 = 1_000_000

  var streams: ContiguousArray<StreamState> = []
  private var freeSlots: ContiguousArray<Int32> = []
  private var table = StreamTable()
  private var nextID: UInt32
  private var grownBytes = 0
  /// The agent opens its control stream once.
  private var hasAcceptedControl = false
  private var flood = FloodMonitor()

  package init(settings: SessionSettings) {
    self.settings = settings
    nextID = settings.role == .client ? 1 : 2
  }

  package var streamCount: Int { table.count }

  /// Three quarters of the stream IDs are used up, which takes hours of full load: time for the peer to open a session anew.
  package var isWornOut: Bool { nextID > 3 << 30 }

  // MARK: Opening

  /// Takes a slot for a stream of ours; nil when the limit is reached, the peer is leaving or the IDs are used up. On a link a go-away only asks
  /// for another link: until there is one, streams are opened and taken.
  package mutating func open() -> Int? {
    guard !isGoAwayReceived && !isGoAwaySent || settings.isLink, table.count < streamLimit, nextID < UInt32.max - 2 else { return nil }
    let slot = takeSlot(id: nextID)
    streams[slot].isSynDue = true
    nextID &+= 2
    return slot
  }

  /// The control stream is none of the streams that are counted.
  private var streamLimit: Int { settings.maximumStreams &+ (hasControl ? 1 : 0) }

  private var hasControl: Bool { settings.isPico && !settings.isLink }

  private mutating func takeSlot(id: UInt32) -> Int {
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = Int(free)
    } else {
      slot = streams.count
      streams.append(StreamState())
    }
    streams[slot] = StreamState(
      id: id, sendWindow: settings.initialWindow, receiveWindow: settings.initialWindow, windowLimit: settings.initialWindow)
    table.insert(id, slot: slot)
    return slot
  }

  private mutating func free(_ slot: Int) {
    unreadBytes &-= streams[slot].unread
    grownBytes &-= streams[slot].windowLimit &- settings.initialWindow
    table.remove(streams[slot].id)
    streams[slot] = StreamState()
    flood.earnEndedStream()
    freeSlots.append(Int32(slot))
  }

  package func streamID(_ slot: Int) -> UInt32 { streams[slot].id }

  package func slot(of streamID: UInt32) -> Int? { table.slot(of: streamID) }

  package func isAcknowledged(_ slot: Int) -> Bool { streams[slot].isAcknowledged }

  package func unread(_ slot: Int) -> Int { streams[slot].unread }

  // MARK: Sending

  /// Bytes that the stream may send now.
  @inline(__always)
  package func sendWindow(_ slot: Int) -> Int { streams[slot].sendWindow }

  /// The header for `count` bytes of the stream, at most its ``sendWindow(_:)``; `fin` ends our side. The slot is free afterwards
  /// if both sides ended: `isClosed`.
  package mutating func sendData(_ slot: Int, count: Int, fin: Bool) -> (header: YamuxFrameHeader, isClosed: Bool) {
    assert(streams[slot].id != 0 && count <= streams[slot].sendWindow && !streams[slot].isFinSent)
    var flags = takeFlags(slot)
    if fin {
      flags.insert(.fin)
      streams[slot].isFinSent = true
    }
    streams[slot].sendWindow &-= count
    flood.earn(bytes: count)
    let header = YamuxFrameHeader(type: .data, flags: flags, streamID: streams[slot].id, length: UInt32(count))
    let isClosed = fin && streams[slot].isFinReceived
    if isClosed { free(slot) }
    return (header, isClosed)
  }

  /// SYN or ACK, whichever the stream still owes.
  private mutating func takeFlags(_ slot: Int) -> YamuxFlags {
    var flags: YamuxFlags = []
    if streams[slot].isSynDue {
      streams[slot].isSynDue = false
      flags.insert(.syn)
    }
    if streams[slot].isAckDue {
      streams[slot].isAckDue = false
      flags.insert(.ack)
    }
    return flags
  }

  /// A header that tells the peer that its stream was taken; nil when it was told already.
  package mutating func acknowledge(_ slot: Int) -> YamuxFrameHeader? {
    guard streams[slot].isAckDue else { return nil }
    return YamuxFrameHeader(type: .windowUpdate, flags: takeFlags(slot), streamID: streams[slot].id, length: 0)
  }

  /// Ends the stream at once and frees the slot; nil when the peer never heard of it. An ACK that is still due goes with it, so that
  /// an RST without ACK says that the stream was never taken.
  package mutating func reset(_ slot: Int, code: StreamResetCode) -> YamuxFrameHeader? {
    let state = streams[slot]
    free(slot)
    if state.isSynDue { return nil }
    var flags: YamuxFlags = .rst
    if state.isAckDue { flags.insert(.ack) }
    return YamuxFrameHeader(
      type: .windowUpdate, flags: flags, streamID: state.id, length: settings.isPico && code != .sessionLost ? code.rawValue : 0)
  }

  /// Two frames, to a node that takes them: 64 bits about a stream of a link that it opened.
  package func note(_ slot: Int, _ bits: UInt64) -> (YamuxFrameHeader, YamuxFrameHeader) {
    assert(streams[slot].id != 0 && settings.isLink && settings.role == .server)
    func half(_ value: UInt64) -> YamuxFrameHeader {
      YamuxFrameHeader(type: .note, flags: [], streamID: streams[slot].id, length: UInt32(truncatingIfNeeded: value))
    }
    return (half(bits >> 32), half(bits))
  }

  package mutating func goAway() -> YamuxFrameHeader {
    isGoAwaySent = true
    return YamuxFrameHeader(type: .goAway, flags: [], streamID: 0, length: 0)
  }

  // MARK: Receiving

  /// Decides on one received header. `now` is in nanoseconds of any steady clock.
  package mutating func receive(_ header: YamuxFrameHeader, now: UInt64) -> FrameAction {
    switch header.type {
    case .data: return receiveData(header, now: now)
    case .windowUpdate: return receiveWindowUpdate(header, now: now)
    case .ping:
      guard header.streamID == 0 else { return .fault(.malformedHeader) }
      guard header.flags == .ack || header.flags == .syn else { return .fault(.malformedHeader) }
      if isFlood(now) { return .fault(.flood) }
      return header.flags == .ack ? .pingReply(value: header.length) : .pingRequest(value: header.length)
    case .goAway:
      guard header.streamID == 0 else { return .fault(.malformedHeader) }
      guard !isGoAwayReceived else { return isFlood(now) ? .fault(.flood) : .none }
      isGoAwayReceived = true
      return .goAway(code: header.length)
    case .note:
      guard settings.isLink, settings.role == .client, header.flags.isEmpty else { return .fault(.malformedHeader) }
      guard let slot = table.slot(of: header.streamID) else { return isFlood(now) ? .fault(.flood) : .none }
      return .note(slot: slot, half: header.length)
    }
  }

  private mutating func isFlood(_ now: UInt64) -> Bool {
    flood.record(now: now, limit: settings.floodLimit, interval: settings.floodInterval)
  }

  private mutating func receiveData(_ header: YamuxFrameHeader, now: UInt64) -> FrameAction {
    let length = Int(header.length)
    if header.flags.contains(.rst) {
      guard length == 0, !header.flags.contains(.syn) else { return .fault(.malformedHeader) }
    }
    if header.flags.contains(.syn) {
      guard length <= settings.initialWindow else { return .fault(.windowExceeded) }
      switch accept(header, now: now) {
      case .failure(let action): return action
      case .success(let slot):
        take(length, slot)
        return .accept(slot: slot, length: length, fin: header.flags.contains(.fin))
      }
    }
    guard let slot = table.slot(of: header.streamID) else {
      guard header.streamID != 0 else { return .fault(.malformedHeader) }
      if length == 0, isFlood(now) { return .fault(.flood) }
      return length == 0 ? .none : .drain(length: length)
    }
    if header.flags.contains(.rst) { return resetByPeer(slot, header) }
    let isFirst = noteAcknowledged(slot)
    guard !streams[slot].isFinReceived else { return .fault(.dataAfterFin) }
    guard length <= streams[slot].receiveWindow else { return .fault(.windowExceeded) }
    let fin = header.flags.contains(.fin)
    if length == 0, !fin, !isFirst, isFlood(now) { return .fault(.flood) }
    if length > 0 { flood.earn(bytes: length) }
    take(length, slot)
    return .data(slot: slot, length: length, fin: fin)
  }

  /// Any frame but a reset says that the peer took the stream, whether it carries ACK or not. True for the first.
  private mutating func noteAcknowledged(_ slot: Int) -> Bool {
    guard !streams[slot].isAcknowledged else { return false }
    streams[slot].isAcknowledged = true
    return true
  }

  private mutating func take(_ length: Int, _ slot: Int) {
    streams[slot].receiveWindow &-= length
    streams[slot].unread &+= length
    unreadBytes &+= length
  }

  private mutating func receiveWindowUpdate(_ header: YamuxFrameHeader, now: UInt64) -> FrameAction {
    guard header.streamID != 0 else { return .fault(.malformedHeader) }
    if header.flags.contains(.syn) {
      guard !header.flags.contains(.rst) else { return .fault(.malformedHeader) }
      switch accept(header, now: now) {
      case .failure(let action): return action
      case .success(let slot):
        // The delta is what the opener's window has beyond the initial one.
        guard addWindow(slot, header.length) else { return .fault(.windowOverflow) }
        return .accept(slot: slot, length: 0, fin: header.flags.contains(.fin))
      }
    }
    guard let slot = table.slot(of: header.streamID) else {
      return isFlood(now) ? .fault(.flood) : .none
    }
    if header.flags.contains(.rst) { return resetByPeer(slot, header) }
    let isFirst = noteAcknowledged(slot)
    guard addWindow(slot, header.length) else { return .fault(.windowOverflow) }
    let fin = header.flags.contains(.fin)
    guard !(fin && streams[slot].isFinReceived) else { return .fault(.dataAfterFin) }
    // An update for less than 4 KiB is no use to anyone but a flooder; the first answer and FIN come once for each stream.
    if header.length < 4096, !isFirst, !fin, isFlood(now) { return .fault(.flood) }
    return header.length > 0 || fin ? .writable(slot: slot, fin: fin) : .none
  }

  private mutating func addWindow(_ slot: Int, _ delta: UInt32) -> Bool {
    streams[slot].sendWindow &+= Int(delta)
    return streams[slot].sendWindow <= Int(UInt32.max)
  }

  private mutating func resetByPeer(_ slot: Int, _ header: YamuxFrameHeader) -> FrameAction {
    let wasAcknowledged = streams[slot].isAcknowledged || header.flags.contains(.ack)
    free(slot)
    let code = settings.isPico && header.type == .windowUpdate ? StreamResetCode(rawValue: header.length) ?? .cancelled : .cancelled
    return .reset(slot: slot, code: code == .sessionLost ? .cancelled : code, wasAcknowledged: wasAcknowledged)
  }

  private enum Acceptance {
    case success(Int)
    case failure(FrameAction)
  }

  private mutating func accept(_ header: YamuxFrameHeader, now: UInt64) -> Acceptance {
    let id = header.streamID
    guard id != 0, (id & 1 == 1) == (settings.role == .server) else { return .failure(.fault(.wrongParity)) }
    guard table.slot(of: id) == nil else { return .failure(.fault(.duplicateStream)) }
    // The agent opens its control stream and nothing else; on a link only one side opens streams.
    if settings.role == .server, !settings.isLink {
      guard settings.isPico, id == 1, !hasAcceptedControl else { return .failure(.fault(.unexpectedStream)) }
    }
    guard settings.role == .server || !settings.isLink else { return .failure(.fault(.unexpectedStream)) }
    let length = header.type == .data ? Int(header.length) : 0
    guard table.count < streamLimit, !isGoAwaySent || settings.isLink else {
      if isFlood(now) { return .failure(.fault(.flood)) }
      return .failure(.refuse(streamID: id, length: length))
    }
    if settings.role == .server { hasAcceptedControl = true }
    let slot = takeSlot(id: id)
    streams[slot].isAckDue = true
    streams[slot].isAcknowledged = true
    return .success(slot)
  }

  /// The FIN of the peer took effect behind its payload. True when the stream ended and the slot is free.
  package mutating func finishReceiving(_ slot: Int) -> Bool {
    streams[slot].isFinReceived = true
    guard streams[slot].isFinSent else { return false }
    free(slot)
    return true
  }

  /// `count` received bytes of the stream were passed on: a window update to send, when it is worth one.
  ///
  /// The window doubles when half of it was used up within two round trips, so that it follows bandwidth times delay.
  package mutating func consumed(_ slot: Int, count: Int, now: UInt64) -> YamuxFrameHeader? {
    assert(streams[slot].id != 0 && count <= streams[slot].unread)
    streams[slot].unread &-= count
    unreadBytes &-= count
    streams[slot].credit &+= count
    guard streams[slot].credit >= streams[slot].windowLimit / 2, !streams[slot].isFinReceived else { return nil }
    var delta = streams[slot].credit
    let limit = streams[slot].windowLimit
    if limit < settings.maximumWindow, now &- streams[slot].lastUpdate < 2 &* roundTrip,
      grownBytes &+ limit &+ unreadBytes <= settings.maximumBuffered / 4 &* 3
    {
      let growth = min(limit, settings.maximumWindow - limit)
      streams[slot].windowLimit = limit + growth
      grownBytes &+= growth
      delta &+= growth
    }
    streams[slot].lastUpdate = now
    streams[slot].credit = 0
    streams[slot].receiveWindow &+= delta
    return YamuxFrameHeader(
      type: .windowUpdate, flags: takeFlags(slot), streamID: streams[slot].id, length: UInt32(delta))
  }
}
