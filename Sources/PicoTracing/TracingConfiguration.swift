package import PicoConfiguration
package import PicoCore

/// The `tracing.*` keys, which server and agent share.
package struct TracingConfiguration: Sendable, Equatable {
  /// Where spans go; `nil` is that there are none.
  package var endpoint: CollectorURL?
  package var sample = SampleRate.default
  /// A file with header lines for the collector, such as a token.
  package var headersFile: String?
  /// A PEM file of authorities for the collector's certificate; `nil` is the system's.
  package var ca: String?

  package init() {}

  package static let keys: [ConfigurationKey<TracingConfiguration>] = [
    .key(
      "otlp-endpoint", \.endpoint,
      "The OpenTelemetry collector that spans go to, over HTTP; without a path in it they go to /v1/traces", unset: "no tracing"),
    .key("sample", \.sample, "The part of the traces that begin here that is recorded; of others their sender decides"),
    .key("headers-file", \.headersFile, "A file with header lines for the collector (authorization: Bearer …); read before each export"),
    .key("tls.ca", \.ca, "A PEM file of authorities for the collector's certificate", unset: "the system's"),
  ]

  /// What is wrong with values that each read well.
  package func check(_ problems: inout ConfigurationProblems) {
    guard let endpoint else {
      let given = Self.keys.map { "tracing.\($0.name)" }.first { problems.provenance[$0] != nil }
      if let given { problems.contradiction(given, "has no effect without tracing.otlp-endpoint") }
      return
    }
    if headersFile != nil, !endpoint.server.isTLS, !endpoint.server.address.isLoopback {
      problems.contradiction("tracing.headers-file", "what is in it would go unencrypted to \(endpoint.server) (use https)")
    }
    if ca != nil, !endpoint.server.isTLS { problems.contradiction("tracing.tls.ca", "has no use with \(endpoint), which is not https") }
  }
}

/// Where a collector takes spans: a server and a path.
package struct CollectorURL: Hashable, Sendable, ConfigurationScalar, CustomStringConvertible {
  package let server: BaseURL
  /// With its slash in front.
  package let path: String

  package static let configurationKind = "URL"
  package var configurationText: String { description }
  package var description: String { path == Self.standardPath ? server.description : server.description + path }

  /// Of OTLP over HTTP.
  private static let standardPath = "/v1/traces"

  /// Without a path, or with `/` alone, it is the one that collectors have.
  package init(configurationText text: String) throws(MalformedValue) {
    let malformed = MalformedValue(
      text, isNot: "the URL of a collector", like: "http://localhost:4318, https://collector.example.com/otlp/v1/traces")
    let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
    let slash = text[start...].firstIndex(of: "/") ?? text.endIndex
    do throws(MalformedValue) { server = try BaseURL(text: text[..<slash]) } catch { throw malformed }
    let path = text[slash...]
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }), !text.hasPrefix("ws") else { throw malformed }
    self.path = path.isEmpty || path == "/" ? Self.standardPath : String(path)
  }
}

/// A part of all, from 0 to 1.
package struct SampleRate: Hashable, Sendable, ConfigurationScalar {
  package let value: Double
  /// Numbers below it are in. Nil is all.
  private let threshold: UInt64?

  package static let `default` = SampleRate(0.01)

  /// - Parameter value: brought into 0 to 1.
  package init(_ value: Double) {
    self.value = min(max(value, 0), 1)
    threshold = self.value < 1 ? UInt64(self.value * 0x1p64) : nil
  }

  package static let configurationKind = "fraction"
  package var configurationText: String { value == value.rounded() ? "\(Int(value))" : "\(value)" }

  package init(configurationText text: String) throws(MalformedValue) {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }), let value = Double(text), value <= 1 else {
      throw MalformedValue(text, isNot: "a fraction", like: "0, 0.01, 1")
    }
    self.init(value)
  }

  /// - Parameter random: of all 64 bit numbers.
  @inline(__always)
  func takes(_ random: UInt64) -> Bool {
    guard let threshold else { return true }
    return random < threshold
  }
}
