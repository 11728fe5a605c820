internal import EtcdWire
internal import FoundationEssentials
internal import SwiftProtobuf

/// All or nothing: if every condition holds `then` is done, else `otherwise`. By default etcd takes at most 128 operations in each.
package struct EtcdTransaction: Sendable {
  package var conditions: [Condition]
  package var then: [Operation]
  package var otherwise: [Operation]
  /// Whether it does no harm if it is carried out twice, so that it may be sent again when no answer came. What has conditions is not,
  /// unless the caller knows better.
  package var isRepeatable: Bool

  package init(
    if conditions: [Condition] = [], then: [Operation], otherwise: [Operation] = [], isRepeatable: Bool? = nil
  ) {
    self.conditions = conditions
    self.then = then
    self.otherwise = otherwise
    self.isRepeatable = isRepeatable ?? conditions.isEmpty
  }

  package struct Condition: Sendable, Equatable {
    package enum Field: Sendable, Equatable {
      /// 0 if the key does not exist, as with the next two.
      case createRevision(Int64)
      case modRevision(Int64)
      case version(Int64)
      case lease(EtcdLease)
      case value([UInt8])
    }
    package enum Relation: Sendable { case equal, notEqual, greater, less }

    package var key: String
    package var relation: Relation
    package var field: Field

    /// The key's field stands in this relation to the one given.
    package init(_ key: String, _ relation: Relation, _ field: Field) {
      self.key = key
      self.relation = relation
      self.field = field
    }

    package static func isAbsent(_ key: String) -> Condition { Condition(key, .equal, .createRevision(0)) }
  }

  package enum Operation: Sendable, Equatable {
    case put(String, [UInt8], EtcdLease = .none)
    case delete(EtcdKeys)
    case get(EtcdKeys)
  }

  package struct Outcome: Sendable, Equatable {
    package var header: EtcdHeader
    /// Whether the conditions held.
    package var held: Bool
    /// What each `get` that was done found, in their order.
    package var found: [[EtcdKeyValue]]
  }

  var wire: Etcdserverpb_TxnRequest {
    .with {
      $0.compare = conditions.map(\.wire)
      $0.success = then.map(\.wire)
      $0.failure = otherwise.map(\.wire)
    }
  }
}

extension EtcdTransaction.Condition {
  fileprivate var wire: Etcdserverpb_Compare {
    .with {
      $0.key = Data(key.utf8)
      $0.result =
        switch relation {
        case .equal: .equal
        case .notEqual: .notEqual
        case .greater: .greater
        case .less: .less
        }
      switch field {
      case .createRevision(let revision): ($0.target, $0.targetUnion) = (.create, .createRevision(revision))
      case .modRevision(let revision): ($0.target, $0.targetUnion) = (.mod, .modRevision(revision))
      case .version(let version): ($0.target, $0.targetUnion) = (.version, .version(version))
      case .lease(let lease): ($0.target, $0.targetUnion) = (.lease, .lease(lease.id))
      case .value(let value): ($0.target, $0.targetUnion) = (.value, .value(Data(value)))
      }
    }
  }
}

extension EtcdTransaction.Operation {
  fileprivate var wire: Etcdserverpb_RequestOp {
    .with {
      switch self {
      case .put(let key, let value, let lease):
        $0.requestPut = .with {
          $0.key = Data(key.utf8)
          $0.value = Data(value)
          $0.lease = lease.id
        }
      case .delete(let keys):
        $0.requestDeleteRange = .with {
          $0.key = keys.first
          $0.rangeEnd = keys.end
        }
      case .get(let keys):
        $0.requestRange = .with {
          $0.key = keys.first
          $0.rangeEnd = keys.end
        }
      }
    }
  }
}
