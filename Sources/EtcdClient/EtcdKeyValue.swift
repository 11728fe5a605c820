internal import EtcdWire
internal import FoundationEssentials

/// Where and when an answer is from.
package struct EtcdHeader: Sendable, Equatable {
  /// Made from the members' addresses when a cluster begins: a store that was wiped and begun again in the same way has the same.
  package var clusterID: UInt64
  /// The store's revision when it answered; each transaction that writes adds one.
  package var revision: Int64
  /// Grows with each election.
  package var term: UInt64

  package init(clusterID: UInt64, revision: Int64, term: UInt64) {
    self.clusterID = clusterID
    self.revision = revision
    self.term = term
  }

  init(_ header: Etcdserverpb_ResponseHeader) {
    self.init(clusterID: header.clusterID, revision: header.revision, term: header.raftTerm)
  }

  /// Whether what answers now can be what gave `earlier`: a linearizable answer never goes back.
  package func continues(_ earlier: EtcdHeader) -> Bool {
    clusterID == earlier.clusterID && revision >= earlier.revision && term >= earlier.term
  }
}

/// A key as it stood at a revision.
package struct EtcdKeyValue: Sendable, Equatable {
  /// Bytes that are no UTF-8 read as U+FFFD.
  package var key: String
  package var value: [UInt8]
  /// The revision of the last change.
  package var modRevision: Int64
  /// The revision that made it.
  package var createRevision: Int64
  /// 1 when made, one more with each change.
  package var version: Int64
  /// 0 if it hangs on none.
  package var lease: EtcdLease

  package init(
    key: String, value: [UInt8], modRevision: Int64, createRevision: Int64 = 0, version: Int64 = 1, lease: EtcdLease = .none
  ) {
    self.key = key
    self.value = value
    self.modRevision = modRevision
    self.createRevision = createRevision
    self.version = version
    self.lease = lease
  }

  init(_ pair: Etcdserverpb_KeyValue) {
    self.init(
      key: String(decoding: pair.key, as: UTF8.self), value: Array(pair.value), modRevision: pair.modRevision,
      createRevision: pair.createRevision, version: pair.version, lease: EtcdLease(id: pair.lease))
  }

  package var text: String { String(decoding: value, as: UTF8.self) }
}

/// A lease by its number. Keys that hang on it go when it ends.
package struct EtcdLease: Hashable, Sendable, CustomStringConvertible {
  package var id: Int64

  package init(id: Int64) { self.id = id }

  package static let none = EtcdLease(id: 0)

  /// As `etcdctl` prints it.
  package var description: String { String(UInt64(bitPattern: id), radix: 16) }
}

/// What happened to a key.
package enum EtcdEvent: Sendable, Equatable {
  case put(EtcdKeyValue)
  /// Deleted, or its lease ended.
  case delete(key: String, modRevision: Int64)

  init(_ event: Etcdserverpb_Event) {
    self =
      event.type == .delete
      ? .delete(key: String(decoding: event.kv.key, as: UTF8.self), modRevision: event.kv.modRevision) : .put(EtcdKeyValue(event.kv))
  }
}

/// One key or all that begin alike.
package enum EtcdKeys: Sendable, Equatable {
  case key(String)
  case prefix(String)

  /// The first key.
  var first: Data {
    switch self {
    case .key(let key): Data(key.utf8)
    case .prefix(let prefix): prefix.isEmpty ? Data([0]) : Data(prefix.utf8)
    }
  }

  /// The first key behind the last; empty for one key. A single zero means that there is no last one.
  var end: Data {
    switch self {
    case .key: return Data()
    case .prefix(let prefix):
      var end = Array(prefix.utf8)
      while let last = end.popLast() {
        if last < 0xFF { return Data(end + [last + 1]) }
      }
      return Data([0])
    }
  }
}
