import Testing

@testable import PicoBench

@Suite struct BenchConfigurationTests {
  @Test(
    arguments: [
      ("http://localhost:8080", "localhost", 8080, "/", "localhost:8080"),
      ("http://example.com", "example.com", 80, "/", "example.com"),
      ("HTTP://example.com/a/b?c=d#e", "example.com", 80, "/a/b?c=d", "example.com"),
      ("http://[::1]:9000/x", "::1", 9000, "/x", "[::1]:9000"),
      ("http://[::1]?q", "::1", 80, "/?q", "[::1]"), ("https://example.com/a", "example.com", 443, "/a", "example.com"),
      ("https://example.com:80", "example.com", 80, "/", "example.com:80"),
    ] as [(String, String, Int, String, String)])
  func `a URL is taken apart`(url: String, host: String, port: Int, target: String, authority: String) {
    var configuration = BenchConfiguration()
    let isSet = configuration.setURL(url)
    #expect(isSet)
    #expect(configuration.host == host)
    #expect(configuration.port == port)
    #expect(configuration.target == target)
    #expect(configuration.authority == authority)
    #expect(configuration.isTLS == url.hasPrefix("https"))
  }

  @Test(arguments: [
    "", "localhost:8080", "ftp://localhost", "http://", "https://", "https:/a", "http://:80", "http://a:0", "http://a:65536", "http://a:x",
    "http://u@a/",
    "http://a b", "http://a/\r\nX: y", "http://[::1", "http://[::1]x", "http://a:",
  ])
  func `what is not an HTTP URL is refused`(url: String) {
    var configuration = BenchConfiguration()
    let isSet = configuration.setURL(url)
    #expect(!isSet)
    #expect(configuration == BenchConfiguration())
  }

  @Test(arguments: [("", "x"), ("a b", "x"), ("a:", "x"), ("a", "x\r\ny"), ("a\n", "x"), ("ä", "x")])
  func `a header that would break the head is refused`(name: String, value: String) {
    #expect(BenchConfiguration.Header(name: name, value: value) == nil)
  }
}
