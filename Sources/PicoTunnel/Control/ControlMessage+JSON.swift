internal import FoundationEssentials

/// The wire form: one flat object, unknown fields ignored, absent ones nil.
private struct WireMessage: Codable {
  var type: String
  var agent: String?
  var version: String?
  var weight: Int?
  var metadata: [String: String]?
  var state: String?
  var reason: String?
  var stream: UInt32?
  var reconnect_after_ms: Int?
  var seconds: Int?
}

/// What every message has, of whatever version.
private struct WireType: Codable {
  var type: String
}

extension ControlMessage {
  /// The JSON text of the message, without the length before it.
  package func encoded() -> [UInt8] {
    var wire = WireMessage(type: "")
    switch self {
    case .hello(let hello):
      wire.type = "hello"
      wire.agent = hello.agentID
      wire.version = hello.version
      wire.weight = hello.weight
      wire.metadata = hello.metadata.isEmpty ? nil : hello.metadata
    case .health(let isUp, let reason):
      wire.type = "health"
      wire.state = isUp ? "up" : "down"
      wire.reason = reason.isEmpty ? nil : Self.clipped(reason, 256)
    case .notSent(let stream):
      wire.type = "not-sent"
      wire.stream = stream
    case .leaving:
      wire.type = "leaving"
    case .drain(let milliseconds):
      wire.type = "drain"
      wire.reconnect_after_ms = milliseconds
    case .blocked(let seconds, let reason):
      wire.type = "blocked"
      wire.seconds = seconds
      wire.reason = Self.clipped(reason, 256)
    case .unknown(let type):
      wire.type = type
    }
    let encoder = JSONEncoder()
    // The same message is the same bytes.
    encoder.outputFormatting = .sortedKeys
    // A flat object of strings and integers always encodes.
    guard let data = try? encoder.encode(wire) else { return [] }
    return Array(data)
  }

  /// Reads one JSON text; out-of-range numbers are brought into range, as no message may keep an agent away longer than the limits say.
  /// - Throws: ``ControlFault/malformed`` when it is no object with a `type`, or a field of the type is missing or wrong.
  package init(decoding bytes: [UInt8]) throws(ControlFault) {
    guard let type = try? JSONDecoder().decode(WireType.self, from: Data(bytes)).type else { throw .malformed }
    // A type of a later version may use a name of ours for something else.
    guard Self.knownTypes.contains(type) else {
      self = .unknown(type: Self.clipped(type, 64))
      return
    }
    guard let wire = try? JSONDecoder().decode(WireMessage.self, from: Data(bytes)) else { throw .malformed }
    switch type {
    case "hello":
      let metadata = wire.metadata ?? [:]
      let size = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
      guard let agent = wire.agent, (1...128).contains(agent.utf8.count), size <= Self.maximumMetadata,
        (wire.version ?? "").utf8.count <= 64
      else { throw .malformed }
      let weight = min(max(wire.weight ?? 1, 1), 100)
      self = .hello(Hello(agentID: agent, version: wire.version ?? "", weight: weight, metadata: metadata))
    case "health":
      guard let state = wire.state, state == "up" || state == "down" else { throw .malformed }
      self = .health(isUp: state == "up", reason: Self.clipped(wire.reason ?? "", 256))
    case "not-sent":
      guard let stream = wire.stream else { throw .malformed }
      self = .notSent(stream: stream)
    case "leaving":
      self = .leaving
    case "drain":
      self = .drain(reconnectAfterMilliseconds: min(max(wire.reconnect_after_ms ?? 0, 0), Self.maximumReconnectDelay))
    case "blocked":
      guard let seconds = wire.seconds else { throw .malformed }
      self = .blocked(seconds: min(max(seconds, 0), Self.maximumBlock), reason: Self.clipped(wire.reason ?? "", 256))
    default:
      throw .malformed
    }
  }

  private static let knownTypes: Set = ["hello", "health", "not-sent", "leaving", "drain", "blocked"]

  /// At most `count` Unicode scalars: a single character may have any number of them.
  private static func clipped(_ text: String, _ count: Int) -> String {
    String(text.unicodeScalars.prefix(count))
  }
}
