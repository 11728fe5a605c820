import EtcdClient
import PicoCore
import Testing

@testable import PicoCluster

@Suite struct ClusterKeysTests {
  let keys: ClusterKeys
  let node: NodeID

  init() throws {
    keys = try ClusterKeys(prefix: "/pico/v1")
    node = try #require(NodeID("n-0123456789abcdef"))
  }

  private func route(_ tenant: String, _ endpoint: String) throws -> EndpointID {
    try #require(EndpointID(endpoint, of: TenantID(tenant) ?? .default))
  }

  @Test func `what is spelled is read`() throws {
    let names: [(ClusterKeys.Name, String)] = [
      (.node(node), "/pico/v1/n/n-0123456789abcdef"), (.route(try route("", "Shop"), node), "/pico/v1/r/@/shop/n-0123456789abcdef"),
      (.route(try route("acme", "shop"), node), "/pico/v1/r/acme/shop/n-0123456789abcdef"), (.block("b-1"), "/pico/v1/b/b-1"),
    ]
    for (name, key) in names {
      #expect(keys.key(name) == key)
      #expect(keys.name(key) == name)
    }
  }

  @Test(arguments: [
    "/pico/v1/cluster", "/pico/v2/b/b-1", "/pico/v1/b/", "/pico/v1/b/a b", "/pico/v1/n/nobody", "/pico/v1/r/@/shop",
    "/pico/v1/r//shop/n-0123456789abcdef",
    "/pico/v1/r/@/SHOP/n-0123456789abcdef", "/pico/v1/r/a@b/shop/n-0123456789abcdef", "/pico/v1/r/@/../n-0123456789abcdef", "/pico/v1/x/y",
    "/pico/v1/r/@/shop/n-0123456789abcdef/more", "",
  ])
  func `a key of others is none of ours`(_ key: String) {
    #expect(keys.name(key) == nil)
  }

  @Test(arguments: ["", "/", "pico", "/pico/", "//pico", "/pi co", "/pico/@"])
  func `a prefix that is none is refused by the name of its key`(_ prefix: String) {
    #expect { try ClusterKeys(prefix: prefix) } throws: {
      ($0 as? PicoError)?.code == .badConfiguration && "\($0)".hasPrefix("cluster.prefix: ")
    }
  }

  @Test func `values carry the version of their form, and what is unknown in them is passed over`() {
    #expect(ListenerCount.read(ListenerCount.text(12)) == 12)
    #expect(ListenerCount.read(Array("1 7 more".utf8)) == 7)
    for wrong in ["2 7", "7", "1", "1 0", "1 -3", "1 x", ""] { #expect(ListenerCount.read(Array(wrong.utf8)) == nil) }

    let record = NodeRecord(addresses: ["10.0.0.1:8082", "[::1]:8082"], version: "0.1", state: .draining, listeners: 3, load: 0.25)
    #expect(NodeRecord(json: record.json) == record)
    let later = #"{"v":1,"addresses":["a:1"],"version":"9","state":"active","zone":"b"}"#
    #expect(NodeRecord(json: Array(later.utf8)) == NodeRecord(addresses: ["a:1"], version: "9"))
    #expect(NodeRecord(json: Array(later.replacing("\"v\":1", with: "\"v\":2").utf8)) == nil)
    #expect(NodeRecord(json: [1, 2]) == nil)
  }
}
