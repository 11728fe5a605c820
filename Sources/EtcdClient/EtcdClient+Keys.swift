internal import EtcdWire
internal import FoundationEssentials
internal import GRPCCore
internal import SwiftProtobuf

extension EtcdClient {
  /// Whose answer will do.
  package enum Consistency: Sendable {
    /// What a majority holds now.
    case linearizable
    /// What the member that is asked holds: also without a majority, and perhaps old.
    case serializable
  }

  package struct Found: Sendable, Equatable {
    package var header: EtcdHeader
    /// In the order of their keys.
    package var pairs: [EtcdKeyValue]
    /// There are more than the limit allowed.
    package var hasMore: Bool
    /// How many there are in all.
    package var count: Int
  }

  /// - Parameter revision: reads as of then; 0 is now. Throws `.compacted` if it is no longer kept.
  /// - Parameter limit: 0 is none.
  package func get(
    _ keys: EtcdKeys, at revision: Int64 = 0, limit: Int = 0, _ consistency: Consistency = .linearizable, within timeout: Duration? = nil
  ) async throws(EtcdError) -> Found {
    try await range(first: keys.first, end: keys.end, at: revision, limit: limit, consistency, within: timeout).found
  }

  /// Reads all keys that begin alike as of one revision, a page at a time and in their order.
  ///
  /// - Returns: the header of the first answer; a watch that starts one revision later misses nothing.
  @discardableResult
  package func pages(
    of prefix: String, size: Int = 5000, _ consistency: Consistency = .linearizable,
    _ body: (_ page: [EtcdKeyValue], _ header: EtcdHeader) -> Void
  ) async throws(EtcdError) -> EtcdHeader {
    let end = EtcdKeys.prefix(prefix).end
    var page = try await range(first: EtcdKeys.prefix(prefix).first, end: end, at: 0, limit: size, consistency, within: nil)
    let header = page.found.header
    while true {
      body(page.found.pairs, header)
      guard page.found.hasMore, let last = page.lastKey else { return header }
      page = try await range(first: last + [0], end: end, at: header.revision, limit: size, consistency, within: nil)
    }
  }

  private func range(
    first: Data, end: Data, at revision: Int64, limit: Int, _ consistency: Consistency, within timeout: Duration?
  ) async throws(EtcdError) -> (found: Found, lastKey: Data?) {
    let response = try await call(within: timeout) { connection, metadata, options in
      try await connection.kv.range(
        .with {
          $0.key = first
          $0.rangeEnd = end
          $0.limit = Int64(limit)
          $0.revision = revision
          $0.serializable = consistency == .serializable
        }, metadata: metadata, options: options)
    }
    let found = Found(
      header: EtcdHeader(response.header), pairs: response.kvs.map(EtcdKeyValue.init), hasMore: response.more, count: Int(response.count))
    return (found, response.kvs.last?.key)
  }

  /// - Returns: the header with the revision of the change.
  @discardableResult
  package func put(_ key: String, _ value: [UInt8], lease: EtcdLease = .none) async throws(EtcdError) -> EtcdHeader {
    try await call { connection, metadata, options in
      EtcdHeader(
        try await connection.kv.put(
          .with {
            $0.key = Data(key.utf8)
            $0.value = Data(value)
            $0.lease = lease.id
          }, metadata: metadata, options: options
        ).header)
    }
  }

  /// - Returns: how many there were.
  @discardableResult
  package func delete(_ keys: EtcdKeys) async throws(EtcdError) -> Int {
    try await call { connection, metadata, options in
      Int(
        try await connection.kv.deleteRange(
          .with {
            $0.key = keys.first
            $0.rangeEnd = keys.end
          }, metadata: metadata, options: options
        ).deleted)
    }
  }

  @discardableResult
  package func commit(
    _ transaction: EtcdTransaction, within timeout: Duration? = nil
  ) async throws(EtcdError) -> EtcdTransaction.Outcome {
    let wire = transaction.wire
    return try await call(within: timeout, isRepeatable: transaction.isRepeatable) { connection, metadata, options in
      let response = try await connection.kv.txn(wire, metadata: metadata, options: options)
      let found = response.responses.compactMap { answer in
        if case .responseRange(let range) = answer.response { range.kvs.map(EtcdKeyValue.init) } else { nil }
      }
      return EtcdTransaction.Outcome(header: EtcdHeader(response.header), held: response.succeeded, found: found)
    }
  }
}
