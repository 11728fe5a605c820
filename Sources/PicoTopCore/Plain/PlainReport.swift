package import PicoCore
internal import PicoStatus

/// The endpoints of some servers as text: with the filter, the order and the columns of the dashboard. No sequence for a terminal is ever in it.
package struct PlainReport: Sendable {
  private var fleet: Fleet
  private let columns: [Column<EndpointRow>]
  private let format: PlainFormat
  /// Blocks follow each other: each says what the time is.
  private let repeats: Bool
  private var hasHeader = false

  /// Throws for a filter and an order that cannot be read, and names the flag.
  package init(options: AppOptions, settings: TopSettings, format: PlainFormat, repeats: Bool) throws(AppError) {
    fleet = Fleet(servers: options.servers, intervalMilliseconds: options.intervalMilliseconds)
    self.format = format
    self.repeats = repeats
    let all = Column<EndpointRow>.all
    let chosen = (settings.columns["endpoints"] ?? []).compactMap { id in all.first { $0.id == id } }
    columns = chosen.isEmpty ? all.filter(\.isDefault) : chosen
    let sort = options.startSort ?? settings.sort["endpoints"] ?? "-rate"
    guard let order = RowOrder<EndpointRow>(sort) else {
      throw AppError("--sort: there is no column \"\(sort.escapedForDisplay)\" to sort by")
    }
    fleet.endpoints.setOrder(order)
    do throws(FilterError) {
      let filter = try FilterExpression(options.startFilter ?? "")
      try filter.validate(for: EndpointRow.self)
      fleet.endpoints.setFilter(filter, now: .now())
    } catch {
      throw AppError("--filter: \(error.message)")
    }
  }

  // MARK: What comes

  package mutating func handle(_ event: AppEvent, at now: Duration) -> [AppEffect] {
    switch event {
    case .connection(let state, let server): fleet.connection(state, server: server, at: now)
    case .message(let message, let server):
      var answers = fleet.receive(message, server: server, at: now)
      if case .hello = message { answers += fleet.subscribe(to: [subscription], server: server, at: now) }
      return answers.map { .send($0, server: server) }
    default: break
    }
    return []
  }

  private var subscription: Subscription {
    var subscription = Subscription.fleet(intervalMilliseconds: fleet.intervalMilliseconds)
    subscription.eventsSince = nil
    return subscription
  }

  /// Whether all rows of a server are there and are those of now.
  package func isLive(_ server: Int, at now: Duration) -> Bool { fleet.freshness(of: server, at: now) == .live }

  /// One line for each server that speaks another protocol.
  package func incompatibility(of server: Int) -> String? { fleet.servers[server].incompatibility }

  // MARK: Text

  /// The rows of the servers that are live, as one block.
  package mutating func text(at now: Duration, wall: Timestamp) -> [UInt8] {
    let sources = fleet.sources(at: now)
    let live = fleet.servers.indices.map { isLive($0, at: now) && sources[$0] == nil }
    var rows: [(server: Int, row: EndpointRow)] = []
    for position in 0..<fleet.endpoints.count {
      let server = fleet.endpoints.key(at: position).server
      if live[server] { rows.append((server, fleet.endpoints.row(at: position))) }
    }
    switch format {
    case .table: return Array(table(rows, wall).utf8)
    case .csv: return Array(csv(rows, wall).utf8)
    case .json: return DisplayJSON.escape(json(rows, live))
    case .ndjson: return DisplayJSON.escape(lines(rows))
    }
  }

  private var showsServer: Bool { fleet.servers.count > 1 }

  private func context(_ server: Int) -> RowContext {
    RowContext(serverName: fleet.servers[server].name, clock: fleet.servers[server].clock, isStale: false, isASCII: true)
  }

  private mutating func table(_ rows: [(server: Int, row: EndpointRow)], _ wall: Timestamp) -> String {
    let header = columns.prefix(1).map(\.title) + (showsServer ? ["SERVER"] : []) + columns.dropFirst().map(\.title)
    let isLeft = columns.prefix(1).map { $0.align == .left } + (showsServer ? [true] : []) + columns.dropFirst().map { $0.align == .left }
    let cells = rows.map { server, row in
      let context = context(server)
      let texts = columns.map { $0.content(row, context).text.escapedForDisplay }
      return texts.prefix(1) + (showsServer ? [context.serverName.escapedForDisplay] : []) + texts.dropFirst()
    }
    let lines = [header] + cells.map(Array.init)
    let widths = header.indices.map { column in lines.reduce(0) { max($0, DisplayWidth.columns(of: $1[column])) } }
    var text = repeats ? (hasHeader ? "\n" : "") + "\(wall)\n" : ""
    hasHeader = true
    for line in lines {
      var row = ""
      for (column, cell) in line.enumerated() {
        let blanks = String(repeating: " ", count: widths[column] - DisplayWidth.columns(of: cell))
        row += (column > 0 ? "  " : "") + (isLeft[column] ? cell + blanks : blanks + cell)
      }
      while row.last == " " { row.removeLast() }
      text += row + "\n"
    }
    return text
  }

  private mutating func csv(_ rows: [(server: Int, row: EndpointRow)], _ wall: Timestamp) -> String {
    var text = ""
    if !hasHeader {
      text = ((repeats ? ["time"] : []) + (showsServer ? ["server"] : []) + columns.map(\.id)).joined(separator: ",") + "\n"
      hasHeader = true
    }
    for (server, row) in rows {
      let fields = columns.map { column in RowField(named: column.id).map { Self.plain(row.value(of: $0, now: wall)) } ?? "" }
      let before = (repeats ? ["\(wall)"] : []) + (showsServer ? [fleet.servers[server].name.csvField] : [])
      text += (before + fields).joined(separator: ",") + "\n"
    }
    return text
  }

  private static func plain(_ value: FieldValue) -> String {
    switch value {
    case .text(let text): return text.csvField
    case .number(let number):
      var writer = JSONWriter()
      writer.number(number)
      return String(decoding: writer.bytes, as: UTF8.self)
    case .absent: return ""
    }
  }

  private func lines(_ rows: [(server: Int, row: EndpointRow)]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (server, row) in rows {
      var writer = JSONWriter(capacity: 512)
      writer.object { writer in
        writer.member("server", fleet.servers[server].name)
        writer.member("now", ifPresent: fleet.servers[server].clock)
        row.writeMembers(to: &writer)
      }
      bytes += writer.bytes + [0x0A]
    }
    return bytes
  }

  private func json(_ rows: [(server: Int, row: EndpointRow)], _ live: [Bool]) -> [UInt8] {
    var writer = JSONWriter(capacity: 4096)
    writer.object { writer in
      writer.key("servers")
      writer.array { writer in
        for (server, state) in fleet.servers.enumerated() where live[server] {
          writer.object { writer in
            writer.member("server", state.name)
            writer.member("node", ifPresent: state.hello?.node)
            writer.member("version", ifPresent: state.hello?.version)
            writer.member("now", ifPresent: state.clock)
            writer.member("totals", ifPresent: state.totals)
            writer.member("nodes", fleet.nodes.all.filter { $0.key.server == server }.map(\.row))
            writer.member("endpoints", rows.filter { $0.server == server }.map(\.row))
            writer.member("blocks", fleet.blocks.all.filter { $0.key.server == server }.map(\.row))
          }
        }
      }
    }
    return writer.bytes + [0x0A]
  }
}
