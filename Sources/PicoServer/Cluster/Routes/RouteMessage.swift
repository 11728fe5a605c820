internal import PicoCore
internal import PicoStatus

/// What nodes say to each other of their routes, as JSON: `{"ask":"TENANT/NAME"}` and `{"listeners":2}`, or `{"routes":{"TENANT/NAME":2}}` with
/// `"whole":true` in the message that ends the list of all. Members that are not known are ignored.
struct RouteMessage: Equatable, Sendable {
  /// Has the other node that endpoint?
  var ask: EndpointID?
  /// The answer.
  var listeners: Int?
  /// 0: not any more.
  var routes: [EndpointID: Int] = [:]
  /// With this message the sender has named everything that it had.
  var isWhole = false

  var json: [UInt8] {
    var writer = JSONWriter(capacity: 64)
    writer.object { writer in
      writer.member("ask", ifPresent: ask?.description)
      writer.member("listeners", ifPresent: listeners)
      guard ask == nil, listeners == nil else { return }
      writer.key("routes")
      writer.object { writer in
        for (endpoint, count) in routes { writer.member(endpoint.description, count) }
      }
      if isWhole { writer.member("whole", true) }
    }
    return writer.bytes
  }

  init(ask: EndpointID? = nil, listeners: Int? = nil, routes: [EndpointID: Int] = [:], isWhole: Bool = false) {
    self.ask = ask
    self.listeners = listeners
    self.routes = routes
    self.isWhole = isWhole
  }

  init(json: [UInt8]) throws(JSONError) {
    var reader = JSONReader(json)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "ask":
        ask = EndpointID(qualified: try reader.string())
        if ask == nil { throw reader.failure("no endpoint") }
      case "listeners": listeners = try reader.integer()
      case "routes":
        try reader.object { (reader, name) throws(JSONError) in
          let count: Int = try reader.integer()
          if let endpoint = EndpointID(qualified: name.text), count >= 0 { routes[endpoint] = count }
        }
      case "whole": isWhole = try reader.bool()
      default: try reader.skip()
      }
    }
    try reader.end()
  }
}
