internal import FoundationEssentials

/// What a node says of itself. In the store a JSON object `{"v":1,"addresses":["10.0.0.1:8082"],"version":"0.1.0","state":"active",
/// "listeners":12,"load":0.5}`; members that are not known are ignored.
package struct NodeRecord: Sendable, Equatable, Codable {
  package enum State: String, Sendable, Codable {
    case active
    /// It takes no new listeners and gives away those that it has.
    case draining
  }

  /// Where other nodes reach it, the best first.
  package var addresses: [String]
  /// Of its program.
  package var version: String
  package var state: State
  package var listeners: Int
  /// 0 is idle and 1 is busy.
  package var load: Double

  package init(addresses: [String], version: String, state: State = .active, listeners: Int = 0, load: Double = 0) {
    self.addresses = addresses
    self.version = version
    self.state = state
    self.listeners = listeners
    self.load = load
  }

  /// The version of the form that is written here.
  private static let form = 1

  private struct Written: Codable {
    var v: Int
    var addresses: [String]
    var version: String
    var state: State
    var listeners: Int?
    var load: Double?
  }

  /// `nil` unless it is such an object of this form.
  init?(json: [UInt8]) {
    guard let written = try? JSONDecoder().decode(Written.self, from: Data(json)), written.v == Self.form else { return nil }
    self.init(
      addresses: written.addresses, version: written.version, state: written.state, listeners: written.listeners ?? 0,
      load: written.load ?? 0)
  }

  var json: [UInt8] {
    let load = load.isFinite ? load : 0
    let written = Written(v: Self.form, addresses: addresses, version: version, state: state, listeners: listeners, load: load)
    // Texts, whole numbers and a finite one are all that is in it.
    return (try? JSONEncoder().encode(written)).map(Array.init) ?? []
  }
}
