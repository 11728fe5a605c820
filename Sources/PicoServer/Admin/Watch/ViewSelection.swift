internal import PicoCore
internal import PicoStatus

/// What a subscription asks for without its ID: subscriptions that are equal in it share all work but the envelope.
struct ViewSelection: Hashable, Sendable {
  let tables: Set<StatusTable>
  /// Of whoever subscribed.
  let tenants: TenantScope
  let intervalMilliseconds: Int
  let scope: Subscription.Scope
  /// Names in lower case, with the tenant before a slash unless it is the default one; one that ends with `*` stands for all that begin so.
  let endpoints: Set<String>
  let endpoint: String?
  let filter: String?
  let sort: String?
  let limit: Int?
  /// As ``Subscription/isFull``.
  let isFull: Bool

  /// Intervals are brought onto this grid.
  static let grid = 100

  /// Throws the answer: `bad-message` that says what is wrong and where.
  init(_ subscription: Subscription, of tenants: TenantScope = .all) throws(StatusError) {
    func bad(_ message: String) -> StatusError { StatusError(id: subscription.id, code: .badMessage, message: message) }
    tables = Set(subscription.tables)
    self.tenants = tenants
    intervalMilliseconds = (subscription.intervalMilliseconds + Self.grid / 2) / Self.grid * Self.grid
    scope = subscription.scope
    endpoints = Set(subscription.endpoints.map { $0.lowercased() })
    endpoint = subscription.endpoint?.lowercased()
    limit = subscription.limit
    isFull = subscription.isFull
    guard !tables.isEmpty else { throw bad("tables is empty") }
    guard endpoints.count <= 1000 else { throw bad("endpoints has at most 1000 names") }
    let filter = subscription.filter.flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
    let sort = subscription.sort.flatMap { $0.isEmpty ? nil : $0 }
    self.filter = filter
    self.sort = sort
    if let filter {
      do throws(FilterError) {
        let expression = try FilterExpression(filter)
        if filtersListeners { try expression.validate(for: ListenerRow.self) } else { try expression.validate(for: EndpointRow.self) }
      } catch {
        throw bad("filter: \(error.message) (offset \(error.offset))")
      }
    }
    if let sort {
      let isKnown =
        tables.contains(.endpoints) && RowOrder<EndpointRow>(sort) != nil
        || tables.contains(.listeners)
          && RowOrder<ListenerRow>(sort) != nil
        || tables.contains(.nodes) && RowOrder<NodeRow>(sort) != nil
      guard isKnown else {
        throw bad("sort: \"\(sort.prefix(64).description.escapedForDisplay)\" is no member of a table that is asked for")
      }
    }
  }

  /// Where both tables are asked for, the filter is over endpoints.
  private var filtersListeners: Bool { tables.contains(.listeners) && !tables.contains(.endpoints) }

  /// Whether rows come and go though nothing of them changes.
  var readsClock: Bool { expression?.readsClock ?? false }

  private var expression: FilterExpression? { filter.flatMap { try? FilterExpression($0) } }

  var interval: UInt64 { UInt64(intervalMilliseconds) * 1_000_000 }

  /// Whether an endpoint of this name is among those that are asked for. Whoever has one tenant need not write it.
  func names(_ name: String, of tenant: String) -> Bool {
    if case .only = tenants, names(name) { return true }
    return names(tenant.isEmpty ? name : "\(tenant)/\(name)")
  }

  /// A pattern is about one tenant, but for `*`, which is everything.
  private func names(_ key: String) -> Bool {
    guard !endpoints.isEmpty, !endpoints.contains(key), !endpoints.contains("*") else { return true }
    return endpoints.contains { $0.last == "*" && key.hasPrefix($0.dropLast()) && $0.contains("/") == key.contains("/") }
  }

  // MARK: Of each table

  var nodes: TableView<NodeRow>.Selection {
    let order = sort.flatMap { RowOrder<NodeRow>($0) }
    return .init(precedes: order.map { order in { @Sendable in order.precedes($0, $1) } }, limit: limit, isExact: isFull)
  }

  var endpointRows: TableView<EndpointRow>.Selection {
    let order = sort.flatMap { RowOrder<EndpointRow>($0) }
    let expression = filtersListeners ? nil : expression
    let selection = self
    return .init(
      admits: expression == nil && endpoints.isEmpty
        ? nil : { @Sendable row in selection.names(row.id, of: row.tenant) && (expression?.matches(row) ?? true) },
      precedes: order.map { order in { @Sendable in order.precedes($0, $1) } }, limit: limit, isExact: isFull)
  }

  var listenerRows: TableView<ListenerRow>.Selection {
    let order = sort.flatMap { RowOrder<ListenerRow>($0) }
    let expression = filtersListeners ? expression : nil
    let selection = self
    let endpoint = endpoint.map { tenants.endpoint($0) }
    return .init(
      admits: expression == nil && endpoints.isEmpty && endpoint == nil
        ? nil
        : { @Sendable row in
          (endpoint == nil || endpoint == EndpointID(row.endpoint, of: TenantID(row.tenant) ?? .default))
            && selection.names(row.endpoint, of: row.tenant) && (expression?.matches(row) ?? true)
        },
      precedes: order.map { order in { @Sendable in order.precedes($0, $1) } }, limit: limit, isExact: isFull)
  }
}
