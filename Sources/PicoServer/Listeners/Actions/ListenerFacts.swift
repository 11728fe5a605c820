internal import PicoCore
internal import PicoStatus

/// What a node says of one of its listeners to a node that decides about it.
struct ListenerFacts: Equatable, Sendable {
  var id: ListenerID
  var registrant: Registrant
  /// It is in no route any more.
  var isDraining: Bool

  var endpoint: EndpointID { registrant.endpoint }
}

/// `{"id":"l-…","endpoint":"TENANT/NAME","identity":"…","agent":"…","address":"…","draining":true}`, without what is not there.
extension ListenerFacts: JSONValue {
  func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", id.description)
      writer.member("endpoint", endpoint.description)
      writer.member("identity", ifPresent: registrant.identity)
      writer.member("agent", ifPresent: registrant.agentID)
      writer.member("address", registrant.address)
      if isDraining { writer.member("draining", true) }
    }
  }

  init(from reader: inout JSONReader) throws(JSONError) {
    var id: ListenerID?
    var endpoint: EndpointID?
    var identity: String?
    var agent: String?
    var address = ""
    var isDraining = false
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "id": id = ListenerID(try reader.string())
      case "endpoint": endpoint = EndpointID(qualified: try reader.string())
      case "identity": identity = try reader.string()
      case "agent": agent = try reader.string()
      case "address": address = try reader.string()
      case "draining": isDraining = try reader.bool()
      default: try reader.skip()
      }
    }
    guard let id, let endpoint else { throw reader.failure("no listener") }
    self.init(
      id: id, registrant: Registrant(endpoint: endpoint, identity: identity, agentID: agent, address: address), isDraining: isDraining)
  }
}
