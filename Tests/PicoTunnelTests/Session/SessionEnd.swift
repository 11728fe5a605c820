import PicoTunnel

/// One end of a session with a wire of bytes before it, driven step by step; what goes wrong is kept in `failures`.
final class SessionEnd {
  final class Stream {
    let id: UInt32
    let slot: Int
    var toSend: Int
    var sent = 0
    var received = 0
    var unconsumed = 0
    var isFinSent = false
    var isFinReceived = false
    var wasReset = false
    var isGone = false

    init(id: UInt32, slot: Int, toSend: Int) {
      self.id = id
      self.slot = slot
      self.toSend = toSend
    }
  }

  let isNode: Bool
  var machine: SessionStateMachine
  /// What we wrote and the other end has not read yet.
  var wire: [UInt8] = []
  var live: [Stream] = []
  var all: [UInt32: Stream] = [:]
  var failures: [String] = []
  var refused = 0

  private var header: [UInt8] = []
  private var payloadLeft = 0
  private var payloadStream: Stream?
  private var isFinBehindPayload = false

  init(_ settings: SessionSettings) {
    isNode = settings.role == .server
    machine = SessionStateMachine(settings: settings)
  }

  // MARK: What an end may do

  func open(toSend: Int) -> Stream? {
    guard let slot = machine.open() else { return nil }
    return add(slot, toSend: toSend)
  }

  private func add(_ slot: Int, toSend: Int) -> Stream {
    let stream = Stream(id: machine.streamID(slot), slot: slot, toSend: toSend)
    if live.contains(where: { $0.slot == slot }) { failures.append("slot \(slot) given twice") }
    live.append(stream)
    all[stream.id] = stream
    return stream
  }

  private func remove(_ stream: Stream) {
    stream.isGone = true
    live.removeAll { $0 === stream }
  }

  func send(_ stream: Stream, atMost: Int) {
    guard !stream.isFinSent else { return }
    let count = min(stream.toSend, machine.sendWindow(stream.slot), atMost)
    guard count > 0 else { return }
    write(machine.sendData(stream.slot, count: count, fin: false).header)
    append(stream, count)
  }

  /// The rest with FIN, if the window takes it.
  func finish(_ stream: Stream) {
    guard !stream.isFinSent, stream.toSend <= machine.sendWindow(stream.slot) else { return }
    let count = stream.toSend
    let (header, isClosed) = machine.sendData(stream.slot, count: count, fin: true)
    write(header)
    append(stream, count)
    stream.isFinSent = true
    if isClosed { remove(stream) }
  }

  private func append(_ stream: Stream, _ count: Int) {
    wire += StreamPattern.bytes(stream.id, fromNode: isNode, from: stream.sent, count: count)
    stream.sent += count
    stream.toSend -= count
  }

  func reset(_ stream: Stream, _ code: StreamResetCode) {
    if let header = machine.reset(stream.slot, code: code) { write(header) }
    stream.wasReset = true
    remove(stream)
  }

  func acknowledge(_ stream: Stream) { if let header = machine.acknowledge(stream.slot) { write(header) } }

  func consume(_ stream: Stream, _ count: Int, now: UInt64) {
    guard count > 0 else { return }
    stream.unconsumed -= count
    if let header = machine.consumed(stream.slot, count: count, now: now) { write(header) }
  }

  func goAway() { write(machine.goAway()) }

  func ping(_ value: UInt32) { write(YamuxFrameHeader(type: .ping, flags: .syn, streamID: 0, length: value)) }

  private func write(_ header: YamuxFrameHeader) {
    var bytes = [UInt8](repeating: 0, count: 12)
    // Twelve bytes are what a header takes.
    unsafe bytes.withUnsafeMutableBytes { raw in if let start = raw.baseAddress { unsafe header.write(to: start) } }
    wire += bytes
  }

  // MARK: Receiving

  func read(_ bytes: ArraySlice<UInt8>, now: UInt64, toSend: () -> Int) {
    var rest = bytes
    while let first = rest.first, failures.isEmpty {
      if payloadLeft > 0 {
        let part = rest.prefix(payloadLeft)
        payloadLeft -= part.count
        rest = rest.dropFirst(part.count)
        take(part)
        continue
      }
      header.append(first)
      rest = rest.dropFirst()
      guard header.count == 12 else { continue }
      let complete = header
      header = []
      guard let frame = SessionStateMachineTests.read(complete) else { return failures.append("unreadable header \(complete)") }
      obey(machine.receive(frame, now: now), frame, toSend: toSend)
    }
  }

  private func obey(_ action: SessionStateMachine.FrameAction, _ frame: YamuxFrameHeader, toSend: () -> Int) {
    switch action {
    case .none, .goAway, .pingReply: break
    case .data(let slot, let length, let fin): begin(stream(in: slot), length, fin)
    case .accept(let slot, let length, let fin): begin(add(slot, toSend: toSend()), length, fin)
    case .drain(let length): begin(nil, length, false)
    case .writable(let slot, let fin): if fin { begin(stream(in: slot), 0, true) }
    case .reset(let slot, _, _):
      guard let stream = stream(in: slot) else { return }
      stream.wasReset = true
      remove(stream)
    case .refuse(let id, let length):
      refused += 1
      write(YamuxFrameHeader(type: .windowUpdate, flags: .rst, streamID: id, length: 1))
      begin(nil, length, false)
    case .pingRequest(let value): write(YamuxFrameHeader(type: .ping, flags: .ack, streamID: 0, length: value))
    // Only between nodes.
    case .note: failures.append("a note")
    case .fault(let fault): failures.append("\(fault) by \(frame)")
    }
  }

  private func stream(in slot: Int) -> Stream? {
    let stream = live.first { $0.slot == slot }
    if stream == nil { failures.append("slot \(slot) has no stream") }
    return stream
  }

  private func begin(_ stream: Stream?, _ length: Int, _ fin: Bool) {
    payloadLeft = length
    payloadStream = stream
    isFinBehindPayload = fin
    if length == 0 { endPayload() }
  }

  private func take(_ bytes: ArraySlice<UInt8>) {
    if let stream = payloadStream, !stream.isGone {
      // The slice is alive for the call.
      let matches = unsafe bytes.withUnsafeBytes { unsafe StreamPattern.matches($0, stream.id, fromNode: !isNode, from: stream.received) }
      if !matches { return failures.append("wrong bytes from \(stream.received) on of stream \(stream.id)") }
      stream.received += bytes.count
      stream.unconsumed += bytes.count
    }
    if payloadLeft == 0 { endPayload() }
  }

  private func endPayload() {
    guard let stream = payloadStream else { return }
    payloadStream = nil
    guard isFinBehindPayload, !stream.isGone else { return }
    stream.isFinReceived = true
    if machine.finishReceiving(stream.slot) { remove(stream) }
  }
}
