import PicoCore
import Testing

@testable import PicoTransport

@Suite struct HTTPProxyTests {
  /// The URL, then the address and the `Proxy-Authorization` of what it means.
  static let urls: [(text: String, address: String, authorization: String?)] = [
    ("http://proxy.example.com:3128", "proxy.example.com:3128", nil), ("HTTP://10.0.0.1:80/", "10.0.0.1:80", nil),
    ("http://[::1]:3128", "[::1]:3128", nil),
    // As in RFC 7617 section 2.
    ("http://Aladdin:open%20sesame@p:1", "p:1", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    ("http://a@p:1", "p:1", "Basic YTo="), ("http://a:b:c%40@p:1", "p:1", "Basic YTpiOmNA"), ("http://a:b@c@p:1", "p:1", "Basic YTpiQGM="),
  ]

  @Test(arguments: urls)
  func `a URL is an address, a user and a password`(text: String, address: String, authorization: String?) throws {
    let proxy = try HTTPProxy(text: text)
    #expect(proxy.address.description == address)
    #expect(proxy.authorization == authorization)
    #expect("\(proxy)" == "http://\(address)")
  }

  @Test(arguments: [
    "proxy:3128", "https://proxy:3128", "socks5://proxy:1080", "http://proxy", "http://:3128", "http://proxy:0", "http://proxy:3128/path",
    "http://user:secret%2@proxy:1", "http://user:secret%0a@proxy:1", "http://us%3Aer:secret@proxy:1", "http://user:secret@", "",
  ])
  func `what is no such URL is not quoted, as it may hold a password`(text: String) {
    let error = #expect(throws: MalformedValue.self) { try HTTPProxy(text: text) }
    #expect(error?.description.hasPrefix("is not the URL of a proxy with its port (like ") == true)
    #expect(error?.description.contains("secret") == false)
  }
}

@Suite struct ProxyEnvironmentTests {
  private func proxy(_ server: String, _ environment: [String: String]) throws -> String? {
    try ProxyEnvironment.proxy(for: try BaseURL(text: server), in: environment).map { "\($0.address)" }
  }

  @Test(
    arguments: [
      ("https://s.test", ["https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"], "a:1"),
      ("https://s.test", ["https_proxy": "", "HTTPS_PROXY": "b:1"], "b:1"), ("https://s.test", ["http_proxy": "http://a:1"], nil),
      ("http://s.test", ["http_proxy": "http://a:1", "https_proxy": "http://b:1"], "a:1"),
      ("http://s.test", ["HTTP_PROXY": "http://a:1"], nil), ("https://s.test", [:], nil),
      ("https://s.test", ["https_proxy": "http://a:1", "no_proxy": "", "NO_PROXY": "s.test"], nil),
      ("https://s.test", ["https_proxy": "http://a:1", "no_proxy": "other", "NO_PROXY": "s.test"], "a:1"),
    ] as [(String, [String: String], String?)])
  func `the variables are those of curl`(server: String, environment: [String: String], expected: String?) throws {
    #expect(try proxy(server, environment) == expected)
  }

  @Test(
    arguments: [
      ("s.test", "s.test", true), ("S.test", "s.TEST.", true), ("s.test.", "s.test", true), ("a.s.test", "s.test", true),
      ("a.s.test", ".s.test", true), ("s.test", ".s.test", true), ("as.test", "s.test", false), ("s.test", "a.s.test", false),
      ("s.test", "*", true), ("s.test", "*.test", false), ("s.test", "a.test, s.test", true), ("s.test", "a.test s.test", true),
      ("s.test", ".", false), ("s.test", ",", false), ("localhost", "localhost,127.0.0.1", true), ("10.1.2.3", "10.0.0.0/8", true),
      ("11.1.2.3", "10.0.0.0/8", false), ("10.1.2.3", "10.1.2.3", true), ("10.1.2.3", "2.3", false), ("::1", "[::1]", true),
      ("::1", "::1", true), ("fd00::1", "fd00::/8", true), ("s.test", "10.0.0.0/8", false),
    ])
  func `exceptions are names with those below, addresses and ranges`(host: String, list: String, isException: Bool) {
    #expect(ProxyEnvironment.isException(host, list) == isException)
  }

  @Test func `a variable that cannot be used is named`() throws {
    let server = try BaseURL(text: "https://s.test")
    let error = #expect(throws: ProxyEnvironment.Failure.self) {
      try ProxyEnvironment.proxy(for: server, in: ["HTTPS_PROXY": "socks5://u:secret@p:1"])
    }
    #expect(error?.variable == "HTTPS_PROXY")
    #expect(error?.reason.contains("secret") == false && error?.reason.contains("server.http-proxy: none") == true)
  }
}
