internal import Glibc
import Logging
import NIOCore
import NIOPosix
import PicoCore
import Support
import Synchronization

@testable import PicoServer

/// A node in this process on ports of 127.0.0.1 that the system chose.
struct RunningNode: Sendable {
  let server: Server
  let node: Node?
  /// Of the proxy, for listeners and admin, also while the node leaves.
  let port: Int
  let upstreamPort: Int
  let adminPort: Int
  /// One line for each request.
  let accessLog: AccessLines

  /// The lines of the access log as they come.
  struct AccessLines: Sendable {
    let path: String

    var all: [String] {
      var text = ""
      guard let file = unsafe fopen(path, "r") else { return [] }
      defer { unsafe fclose(file) }
      var byte = unsafe fgetc(file)
      while byte != EOF {
        text.unicodeScalars.append(Unicode.Scalar(UInt8(truncatingIfNeeded: byte)))
        byte = unsafe fgetc(file)
      }
      return text.split(separator: "\n").map(String.init)
    }
  }

  /// Starts a node, hands it to the body and ends it at once.
  static func with(
    threads: Int = 1, _ change: (inout ServerConfiguration) -> Void = { _ in }, _ body: (RunningNode) async throws -> Void
  ) async throws {
    try await member(of: nil, threads: threads, change, body)
  }

  /// As ``with(threads:_:_:)``, of a cluster.
  static func member(
    of store: Server.StoreMaker?, threads: Int, log nodeLog: LogLines = LogLines(), _ change: (inout ServerConfiguration) -> Void,
    _ body: (RunningNode) async throws -> Void
  ) async throws {
    var configuration = ServerConfiguration()
    configuration.proxy.listen = HostPort(host: "127.0.0.1", port: 0)
    configuration.admin.listen = HostPort(host: "127.0.0.1", port: 0)
    configuration.server.threads = threads
    change(&configuration)
    let lines = AccessLines(path: "/tmp/pico-access-\(UInt64.random(in: 0 ... .max))")
    let logger = nodeLog.logger
    let log = try AccessLog(.file(lines.path), format: configuration.proxy.accessLogFormat ?? .json, logger: logger)
    defer {
      log.close()
      unsafe unlink(lines.path)
    }
    let server = Server(configuration: configuration, logger: logger, accessLog: log, makeStore: store)
    try await server.start()
    let ports = [server.proxyAddresses, server.upstreamAddresses, server.adminAddresses].map { $0.first?.port ?? 0 }
    let node = RunningNode(server: server, node: server.node, port: ports[0], upstreamPort: ports[1], adminPort: ports[2], accessLog: lines)
    do { try await body(node) } catch {
      await server.shutdown(graceful: false)
      throw error
    }
    await server.shutdown(graceful: false)
  }

  /// The status of the node's own answer to whether it is ready, on a connection that is open.
  func ready(on client: RawClient) async throws -> Int {
    try await client.send("GET /pico/v1/ready HTTP/1.1\r\nHost: a\r\n\r\n")
    return try await client.response().status
  }

  /// Of the status WebSocket.
  var publisher: StatusPublisher? { server.publisher }

  /// Connections of all ports but admin.
  var openConnections: Int { node?.connections.load(ordering: .relaxed) ?? 0 }

  func client(receiveBuffer: Int32? = nil) throws -> RawClient { try RawClient(port: port, receiveBuffer: receiveBuffer) }

  /// The answer of the admin port to `GET path`, head and body.
  func admin(_ path: String) async throws -> String {
    let socket = try LoopbackSocket(port: adminPort)
    try await socket.send("GET \(path) HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    return try await socket.receiveAll()
  }

  /// A number behind a name (and its labels) in `/metrics`; nil when the line is not there.
  func metric(_ name: String) async throws -> Double? {
    let lines = try await admin("/metrics").split(whereSeparator: \.isNewline)
    return lines.first { $0.hasPrefix(name + " ") }.flatMap { Double($0.split(separator: " ").last ?? "") }
  }

  /// The first number behind `"name":` in the status.
  func status(_ name: String) async throws -> Double? {
    let text = try await admin("/status/v1")
    guard let range = text.firstRange(of: "\"\(name)\":") else { return nil }
    return Double(text[range.upperBound...].prefix { $0.isNumber || $0 == "." })
  }
}

/// A client that sends exactly what it is told to and reads responses one by one.
final class RawClient {
  let socket: LoopbackSocket
  private var unread: [UInt8] = []
  private(set) var isClosed = false

  init(port: Int, receiveBuffer: Int32? = nil) throws { socket = try LoopbackSocket(port: port, receiveBuffer: receiveBuffer) }

  func send(_ text: String) async throws { try await socket.send(text) }

  struct Response {
    /// Status line and fields, without the empty line.
    var head: String
    /// Without chunk framing.
    var body: String

    var status: Int { Int(head.dropFirst(9).prefix(3)) ?? 0 }

    func field(_ name: String) -> String? {
      for line in head.split(separator: "\r\n").dropFirst() {
        guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
        return line[line.index(after: colon)...].drop { $0 == " " }.description
      }
      return nil
    }
  }

  /// The next response, final or interim. `isHead`: it has no body, whatever its fields say.
  func response(isHead: Bool = false, within seconds: Double = 40) async throws -> Response {
    try await fill(within: seconds) { Self.headEnd($0) != nil }
    guard let end = Self.headEnd(unread) else {
      throw Unexpected(what: "a response head; got \(String(decoding: unread.prefix(300), as: UTF8.self))")
    }
    let response = Response(head: String(decoding: unread[..<(end - 4)], as: UTF8.self), body: "")
    unread.removeFirst(end)
    if isHead || response.status < 200 || response.status == 204 || response.status == 304 { return response }
    let body: [UInt8]
    if let length = response.field("content-length").flatMap({ Int($0) }) {
      try await fill(within: seconds) { $0.count >= length }
      body = Array(unread.prefix(length))
      unread.removeFirst(body.count)
    } else if response.field("transfer-encoding") == "chunked" {
      try await fill(within: seconds) { Self.chunks($0) != nil }
      guard let (payload, used) = Self.chunks(unread) else { throw Unexpected(what: "the end of a chunked body") }
      body = payload
      unread.removeFirst(used)
    } else {
      try await fill(within: seconds) { _ in false }
      body = unread
      unread = []
    }
    return Response(head: response.head, body: String(decoding: body, as: UTF8.self))
  }

  /// Bytes until they satisfy the condition or the peer closes; takes all that came.
  func bytes(within seconds: Double = 40, until enough: ([UInt8]) -> Bool) async throws -> [UInt8] {
    try await fill(within: seconds, until: enough)
    defer { unread = [] }
    return unread
  }

  func text(until part: String) async throws -> String {
    String(decoding: try await bytes { String(decoding: $0, as: UTF8.self).contains(part) }, as: UTF8.self)
  }

  /// Everything until the node closes the connection.
  func rest(within seconds: Double = 40) async throws -> String {
    String(decoding: try await bytes(within: seconds) { _ in false }, as: UTF8.self)
  }

  private func fill(within seconds: Double, until enough: ([UInt8]) -> Bool) async throws {
    guard !isClosed, !enough(unread) else { return }
    let before = unread
    let (more, closed) = try await socket.receive(within: seconds) { enough(before.isEmpty ? $0 : before + $0) }
    unread = before.isEmpty ? more : before + more
    isClosed = closed
  }

  private static func headEnd(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return (4...bytes.count).first { bytes[($0 - 4)..<$0].elementsEqual([13, 10, 13, 10]) }
  }

  /// The payload of a whole chunked body without trailers, and how many bytes it took.
  static func chunks(_ bytes: [UInt8]) -> (payload: [UInt8], used: Int)? {
    var payload: [UInt8] = []
    var position = 0
    while let lineEnd = bytes[position...].firstIndex(of: 10) {
      guard let size = Int(String(decoding: bytes[position..<(lineEnd - 1)], as: UTF8.self), radix: 16) else { return nil }
      let next = lineEnd + 1 + size + 2
      guard next <= bytes.count else { return nil }
      payload += bytes[(lineEnd + 1)..<(lineEnd + 1 + size)]
      position = next
      if size == 0 { return (payload, position) }
    }
    return nil
  }
}

struct Unexpected: Error, CustomStringConvertible {
  var what: String
  var description: String { "expected \(what)" }
}
