import NIOCore
import NIOPosix
import PicoCore
import Testing

@testable import PicoClient
@testable import PicoTransport

/// At which nodes the tunnels of a listener are.
struct PlacementTests {
  private static let ids = (1...3).compactMap { NodeID("n-000000000000000\($0)") }
  private static func at(_ index: Int, of nodes: Int) -> NodePlace { NodePlace(node: ids[index], nodes: nodes) }

  /// Where the other connections are, how many nodes there are, and what it costs to be at the first node, which asked to move or not.
  @Test(
    arguments: [
      ([], 1, false, 0), ([], 3, false, 0), ([], 3, true, 1), ([], 1, true, 0), ([0], 1, false, 0), ([0], 2, false, 2), ([0], 2, true, 3),
      ([1], 2, false, 0), ([0, 1], 2, false, 0), ([0, 0], 2, false, 2), ([0, 0], 3, false, 4), ([1, 2], 3, false, 0),
    ] as [([Int], Int, Bool, Int)])
  func `tunnels at one node cost more than the node that was left`(others: [Int], nodes: Int, isFormer: Bool, cost: Int) {
    var placement = Placement(connections: others.count + 1)
    for (index, other) in others.enumerated() { placement.settle(index + 1, at: Self.at(other, of: nodes)) }
    #expect(placement.cost(of: 0, at: Self.at(0, of: nodes), after: isFormer ? Self.ids[0] : nil) == cost)
  }

  @Test func `a connection moves to a better node only`() {
    var placement = Placement(connections: 2)
    placement.settle(0, at: Self.at(0, of: 2))
    placement.settle(1, at: Self.at(0, of: 2))
    let same = placement.moves(1, from: Self.at(0, of: 2), to: Self.at(0, of: 2), after: nil)
    #expect(!same)
    let other = placement.moves(1, from: Self.at(0, of: 2), to: Self.at(1, of: 2), after: nil)
    #expect(other)
    // Both are alone now.
    #expect((0...1).allSatisfy { placement.cost(of: $0, at: Self.at($0, of: 2), after: nil) == 0 })
    // Asked to move where there is nowhere else to go alone, it comes back.
    placement.settle(1, at: Self.at(0, of: 2))
    let back = placement.moves(1, from: Self.at(0, of: 2), to: Self.at(1, of: 2), after: Self.ids[1])
    #expect(back)
    placement.leave(0)
    #expect(placement.cost(of: 1, at: Self.at(0, of: 2), after: nil) == 0)
  }

  @Test func `what an answer says of its node is read, and nonsense is one node or none`() {
    #expect(NodePlace(node: "n-0000000000000001", nodes: "3") == Self.at(0, of: 3))
    for nodes in [nil, "", "x", "0", "-4", "99999999999999999999"] {
      #expect(NodePlace(node: "n-0000000000000001", nodes: nodes) == Self.at(0, of: 1))
    }
    #expect(NodePlace(node: nil, nodes: "3") == nil && NodePlace(node: "a b", nodes: "3") == nil)
  }

  @Test func `a search is a few tries within seconds, and one each few minutes where the reason lasts`() {
    for seed in 0..<50 as Range<UInt64> {
      var search = NodeSearch()
      var generator = SplitMixGenerator(seed: seed)
      let tries = (0..<NodeSearch.tries).compactMap { _ in search.next(goesOn: false, using: &generator) }
      #expect(tries.count == NodeSearch.tries && tries[0] <= .milliseconds(100) && tries.reduce(.zero, +) < .seconds(4))
      let end = search.next(goesOn: false, using: &generator)
      #expect(end == nil && search.rests)
      let pauses = (0..<7).compactMap { _ in search.next(goesOn: true, using: &generator) }
      for (pause, longest) in zip(pauses, [60, 120, 240, 480, 960, 960, 960]) {
        #expect(pause >= .seconds(longest / 2) && pause <= .seconds(longest))
      }
      #expect(pauses.count == 7)
    }
  }

  /// Where all three connections are, the node that asked the first one to move, and which nodes are no use to it.
  @Test(
    arguments: [
      ([0, 0, 0], 2, nil, [0]), ([0, 0, 1], 2, nil, [0, 1]), ([0, 0, 1], 3, nil, [0, 1]), ([0, 1, 1], 4, 0, [0, 1]),
    ] as [([Int], Int, Int?, [Int])])
  func `a connection avoids the nodes that would be no better`(places: [Int], nodes: Int, former: Int?, avoided: [Int]) {
    var placement = Placement(connections: places.count)
    for (index, place) in places.enumerated() { placement.settle(index, at: Self.at(place, of: nodes)) }
    #expect(
      placement.avoided(by: 0, at: Self.at(places[0], of: nodes), after: former.map { Self.ids[$0] }) == avoided.map { Self.ids[$0] })
  }

  @Test func `each turn begins with another address, whatever the order they were answered in`() throws {
    let addresses = try (1...4).map { try SocketAddress(ipAddress: "10.0.0.\($0)", port: 80) }
    var seconds: [Int: Set<String>] = [:]
    for turn in 0..<200 {
      let ordered = AddressTurn(0).advanced(by: turn).order(addresses.shuffled()).compactMap(\.ipAddress)
      #expect(ordered.first == "10.0.0.\(turn % 4 + 1)" && Set(ordered).count == 4)
      seconds[turn % 4, default: []].insert(ordered[1])
    }
    // Where the first one is gone, each of the others is somebody's next.
    #expect(seconds.values.allSatisfy { $0.count == 3 })
    #expect(AddressTurn(.max).advanced(by: 1) == AddressTurn(0))
    #expect(AddressTurn(3).order([]).isEmpty && AddressTurn(3).order([addresses[0]]) == [addresses[0]])
  }

  @Test func `a name is looked up, and one that is none is said to be so`() async throws {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let known = TurnResolver(AddressTurn(0), on: eventLoop)
    let ipv6 = try await known.initiateAAAAQuery(host: "localhost", port: 81).get()
    let ipv4 = try await known.initiateAQuery(host: "localhost", port: 81).get()
    #expect(ipv4.contains { $0.ipAddress == "127.0.0.1" && $0.port == 81 } && ipv6.allSatisfy { $0.protocol == .inet6 })
    let unknown = TurnResolver(AddressTurn(0), on: eventLoop)
    await #expect(throws: HostNotFound.self) { try await unknown.initiateAAAAQuery(host: "no such host", port: 81).get() }
    let connector = try AddressConnector(HostPort(host: "no-such-host.invalid", port: 81))
    let error = await #expect(throws: (any Error).self) {
      try await connector.connect(on: eventLoop, turn: AddressTurn(1)) { ClientBootstrap(group: eventLoop) }.get()
    }
    #expect(error.map(ConnectErrorText.text) == "cannot find the host no-such-host.invalid")
  }
}
