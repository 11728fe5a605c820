import EtcdClient
import Glibc
import Logging
import PicoCluster
import PicoCore
import Support
import Synchronization

/// Measures what the cluster's base costs, with etcd on loopback: how fast registrations reach another node, one after the other and all at
/// once, and what a node needs to start on many routes.
///
///     PICO_BUILD=cluster swift build -c release --product cluster-bench
///     cluster-bench flood MEMBERS COUNT        COUNT registrations at once
///     cluster-bench pace MEMBERS RATE SECONDS  RATE registrations a second
///     cluster-bench start MEMBERS COUNT        a second process reads COUNT routes; needs to be started by its whole path
@main struct ClusterBench {
  static func main() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    let numbers = words.dropFirst().compactMap { Int($0) }
    switch (words.first, numbers.count) {
    case ("flood", 2): try await flood(members: numbers[0], count: numbers[1])
    case ("pace", 3): try await pace(members: numbers[0], rate: numbers[1], seconds: numbers[2])
    case ("start", 2): try await start(members: numbers[0], count: numbers[1])
    case ("read", _): try await read(ports: numbers)
    default:
      print("usage: cluster-bench flood MEMBERS COUNT | pace MEMBERS RATE SECONDS | start MEMBERS COUNT")
      exit(64)
    }
  }

  static func store(_ ports: [Int]) throws -> EtcdRouteStore {
    let endpoints = ports.map { HostPort(host: "127.0.0.1", port: $0) }
    let configuration = EtcdRouteStore.Configuration(etcd: EtcdConfiguration(endpoints: endpoints), name: "bench")
    return try EtcdRouteStore(configuration, node: NodeID(prefix: "n-")!, log: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
  }

  static func route(_ number: Int) -> EndpointID { EndpointID("endpoint-number-\(number)")! }

  static func running(_ stores: [EtcdRouteStore], _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for store in stores { group.addTask { try await store.run() } }
      for store in stores {
        try await eventually("the first reading", every: 2) { store.health.hasReadAll }
        store.setRecord(NodeRecord(addresses: ["127.0.0.1:1"], version: "0"))
      }
      defer { group.cancelAll() }
      try await body()
    }
  }

  static func flood(members: Int, count: Int) async throws {
    let stage = try Stage()
    let servers = try await EtcdServers(members, on: stage)
    let (writer, reader) = (try store(servers.ports), try store(servers.ports))
    try await running([writer, reader]) {
      let began = ContinuousClock.now
      for number in 0..<count { writer.setListeners(1, for: route(number)) }
      try await seen(count, by: reader)
      let time = (ContinuousClock.now - began) / .seconds(1)
      print("flood: \(members) members, \(count) registrations seen after \(time) s: \(Int(Double(count) / time)) a second")
      print("memory of both nodes in one process: \(memory())")
    }
  }

  /// Waits until a node was told of so many routes.
  static func seen(_ count: Int, by store: EtcdRouteStore) async throws {
    var left = count
    while left > 0, let changes = await store.changes.next() {
      for case .route(_, _, let listeners) in changes where listeners > 0 { left -= 1 }
    }
  }

  static func pace(members: Int, rate: Int, seconds: Int) async throws {
    let stage = try Stage()
    let servers = try await EtcdServers(members, on: stage)
    let (writer, reader) = (try store(servers.ports), try store(servers.ports))
    let times = Times()
    try await running([writer, reader]) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          var left = rate * seconds
          while left > 0, let changes = await reader.changes.next() {
            for case .route(let route, _, let listeners) in changes where listeners > 0 {
              times.ended(route)
              left -= 1
            }
          }
        }
        let began = ContinuousClock.now
        for number in 0..<rate * seconds {
          try await Task.sleep(until: began + .seconds(1) * number / rate, tolerance: .zero)
          let route = route(number)
          times.began(route)
          writer.setListeners(1, for: route)
        }
        try await group.waitForAll()
      }
      let taken = times.taken.map { $0 / .milliseconds(1) }.sorted()
      let marks = [50.0, 90, 99, 99.9, 100].map { "p\($0): \(taken[min(taken.count - 1, Int(Double(taken.count) * $0 / 100))]) ms" }
      print("pace: \(members) members, \(rate) a second for \(seconds) s: \(marks.joined(separator: ", "))")
    }
  }

  final class Times: Sendable {
    private let state = Mutex((began: [EndpointID: ContinuousClock.Instant](), taken: [Duration]()))
    func began(_ route: EndpointID) { state.withLock { $0.began[route] = .now } }
    func ended(_ route: EndpointID) {
      state.withLock { if let began = $0.began[route] { $0.taken.append(ContinuousClock.now - began) } }
    }
    var taken: [Duration] { state.withLock { $0.taken } }
  }

  static func start(members: Int, count: Int) async throws {
    let stage = try Stage()
    let servers = try await EtcdServers(members, on: stage)
    let (writer, reader) = (try store(servers.ports), try store(servers.ports))
    try await running([writer, reader]) {
      for number in 0..<count { writer.setListeners(1, for: route(number)) }
      try await seen(count, by: reader)
      let done = try await stage.run("read", [CommandLine.arguments[0], "read"] + servers.ports.map(String.init))
      print("start: \(members) members, \(count) routes: \(done.output)\(done.error)")
    }
  }

  static func read(ports: [Int]) async throws {
    let before = memory()
    let began = ContinuousClock.now
    let store = try store(ports)
    let taker = Task {
      var routes: [EndpointID: [NodeID: Int]] = [:]
      while let changes = await store.changes.next() {
        for case .route(let route, let node, let listeners) in changes { routes[route, default: [:]][node] = listeners }
      }
      return routes.count
    }
    try await running([store]) {
      print("read after \((ContinuousClock.now - began) / .milliseconds(1)) ms, memory \(before) before and \(memory()) after")
      await store.leave()
    }
    print("routes \(await taker.value)")
  }

  static func memory() -> String {
    let lines = readFile("/proc/self/status").split(separator: "\n").filter { $0.hasPrefix("VmRSS") || $0.hasPrefix("VmHWM") }
    return lines.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }.joined(separator: ", ")
  }
}
