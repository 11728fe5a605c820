import PicoHTTP
import Testing

@testable import PicoServer

/// The paths that a node keeps for itself.
@Suite struct ReservedPathTests {
  @Test(arguments: [
    ("/pico/v1/ready", "ready"), ("/pico/v1/listener/a", "listener a"), ("/piko/v1/upstream/a.b", "listener a.b"),
    ("/pico/v1/tcp/x", "tcp x"),
    ("/_piko/v1/tcp/x", "tcp x"), ("/pico/v1/listener/a/b", "listener a/b"), ("/pico/v1/listener/", "listener "), ("/pico/v1/", "unknown"),
    ("/pico/v1/link", "link"), ("/pico/v1/links", "unknown"), ("/pico/v1/ready/", "unknown"), ("/pico/v1/readyx", "unknown"),
    ("/pico/v1/listener", "unknown"), ("/pico/v1", nil), ("/", nil),
    ("/p", nil),
    ("/PICO/v1/ready", nil), ("/pico/v10/ready", nil), ("/pico%2Fv1/ready", nil), ("//pico/v1/ready", nil), ("/x/../pico/v1/ready", nil),
    ("/piko/v1/ready", nil), ("/_pico/v1/tcp/x", nil), ("/public/v1/ready", nil), ("*", nil),
  ])
  func `only the node's own paths are kept from the endpoints`(path: String, expected: String?) {
    // In the middle of a head, as offsets.
    let bytes = Array("GET \(path) HTTP/1.1".utf8)
    let slice = HeadSlice(start: 4, count: path.utf8.count)
    // Every byte of an array of UInt8 is initialised: there is no padding.
    let span = unsafe bytes.span.bytes
    #expect(ReservedPath.isReserved(slice, span) == (expected != nil))
    guard let expected else { return }
    let text =
      switch ReservedPath(slice, span) {
      case .ready: "ready"
      case .listener(let name): "listener " + name.text(in: span)
      case .tcp(let name): "tcp " + name.text(in: span)
      case .link: "link"
      case .unknown: "unknown"
      }
    #expect(text == expected)
  }
}
