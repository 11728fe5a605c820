import Logging
import NIOPosix
import NIOSSL
import PicoConfiguration
import PicoCore
import PicoHTTP
import Support
import Testing
import Tracing

@testable import PicoTracing

@Suite(.timeLimit(.minutes(1))) struct SpanExporterTests {
  private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// Exports to a collector, until the body is done and what is left was sent.
  private func with(
    _ collector: Collector, authority: TestAuthority? = nil, queue: SpanQueue = SpanQueue(), headers: String? = nil,
    _ body: (SpanTracer, SpanExporter) async throws -> Void
  ) async throws {
    let directory = try TemporaryDirectory()
    var configuration = TracingConfiguration()
    let scheme = authority == nil ? "http" : "https"
    configuration.endpoint = try CollectorURL(configurationText: "\(scheme)://127.0.0.1:\(collector.port)")
    configuration.ca = authority?.file
    if let headers {
      try directory.write("headers", headers)
      configuration.headersFile = directory.path("headers")
    }
    let exporter = try #require(
      try SpanExporter(
        configuration, resource: .init(service: "tested", instance: "i-1"), on: MultiThreadedEventLoopGroup.singleton.next(), queue: queue,
        logger: Self.silent))
    exporter.start()
    do {
      try await body(SpanTracer(sample: SampleRate(1), sink: exporter.queue), exporter)
    } catch {
      await exporter.stop()
      throw error
    }
    await exporter.stop()
  }

  @Test func `a span arrives with all that was said of it`() async throws {
    let collector = try await Collector.start()
    let parent = try #require(TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
    try await with(collector, headers: "# ours\n\nauthorization: Bearer s3cret\r\nx-scope-id:  7 \n") { tracer, exporter in
      let span = tracer.span("GET", .server, in: parent, attributes: ["a.text": "x", "a.number": -5, "a.flag": false])
      span.updateAttributes {
        $0["a.ratio"] = 0.25
        $0["a.list"] = ["p", "q"]
        $0["a.empty"] = ""
      }
      span.addEvent("came")
      span.addLink(SpanLink(context: span.context, attributes: [:]))
      span.fail("upstream-timeout", isError: true)
      span.end()
      // Only the first end counts.
      span.end()
      tracer.span("other", .client, in: nil, attributes: [:]).end()
      try await eventually("both") { exporter.counts.exported == 2 }
    }
    let request = try #require(collector.requests.first)
    #expect(request.method == "POST" && request.target == "/v1/traces")
    #expect(request.values("content-type") == ["application/x-protobuf"])
    #expect(request.values("authorization") == ["Bearer s3cret"] && request.values("x-scope-id") == ["7"])
    let spans = try collector.spans()
    #expect(spans.count == 2)
    let span = try #require(spans.first { $0.name == "GET" })
    #expect(span.trace == "4bf92f3577b34da6a3ce929d0e0e4736" && span.parent == "00f067aa0ba902b7" && span.id.count == 16)
    #expect(span.kind == 2 && span.flags == 1 && span.status == 2 && span.message == "upstream-timeout")
    #expect(
      span.attributes == [
        "a.text": "x", "a.number": "-5", "a.flag": "false", "a.ratio": "0.25", "a.list": "p,q", "a.empty": "",
        "error.type": "upstream-timeout",
      ])
    #expect(span.events == ["came"] && span.links == [span.id])
    #expect(span.startedAt > 1_600_000_000_000_000_000 && span.endedAt >= span.startedAt)
    #expect(span.resource["service.name"] == "tested" && span.resource["service.instance.id"] == "i-1")
    let other = try #require(spans.first { $0.name == "other" })
    #expect(other.parent.isEmpty && other.kind == 3 && other.status == 0 && other.trace != span.trace)
    try await collector.stop()
  }

  @Test func `what the queue has no room for is counted, and nobody waits`() async throws {
    let queue = SpanQueue(capacity: 3)
    let tracer = SpanTracer(sample: SampleRate(1), sink: queue)
    for _ in 0..<5 { tracer.span("s", .server, in: nil, attributes: [:]).end() }
    #expect(queue.dropped == 2)
    #expect(queue.next(2).count == 2 && queue.next(2).count == 1 && queue.next(2).isEmpty)
  }

  @Test func `many spans go in batches, in order`() async throws {
    let collector = try await Collector.start()
    let count = SpanExporter.batch * 2 + 1
    try await with(collector) { tracer, exporter in
      for number in 0..<count { tracer.span("\(number)", .server, in: nil, attributes: [:]).end() }
      try await eventually("all") { exporter.counts.exported == count }
      #expect(exporter.counts == .init(exported: UInt64(count)))
    }
    #expect(try collector.spans().map(\.name) == (0..<count).map { "\($0)" })
    #expect(collector.requests.count >= 3)
    try await collector.stop()
  }

  @Test func `a collector that is busy is asked again, and one that refuses is not`() async throws {
    let busy = try await Collector.start { $0 == 0 ? 503 : 200 }
    try await with(busy) { tracer, exporter in
      tracer.span("s", .server, in: nil, attributes: [:]).end()
      try await eventually("the second attempt") { exporter.counts.exported == 1 }
      #expect(exporter.counts.droppedByExport == 0 && busy.requests.count == 2)
    }
    let strict = try await Collector.start { _ in 400 }
    try await with(strict) { tracer, exporter in
      tracer.span("s", .server, in: nil, attributes: [:]).end()
      try await eventually("the loss") { exporter.counts.droppedByExport == 1 }
      #expect(exporter.counts.exported == 0 && strict.requests.count == 1)
    }
    try await busy.stop()
    try await strict.stop()
  }

  @Test func `what is left when a process ends is sent, or counted where nobody is there`() async throws {
    let collector = try await Collector.start()
    try await with(collector) { tracer, _ in tracer.span("last", .server, in: nil, attributes: [:]).end() }
    #expect(try collector.spans().map(\.name) == ["last"])
    try await collector.stop()
    var lost: SpanExporter?
    try await with(collector) { tracer, exporter in
      lost = exporter
      tracer.span("lost", .server, in: nil, attributes: [:]).end()
    }
    #expect(lost?.counts == .init(exported: 0, droppedByQueue: 0, droppedByExport: 1))
  }

  // MARK: Over TLS

  private static func context(_ credentials: TestAuthority.Credentials) throws -> NIOSSLContext {
    let chain = try NIOSSLCertificate.fromPEMFile(credentials.certificate).map { NIOSSLCertificateSource.certificate($0) }
    let key = try NIOSSLPrivateKey(file: credentials.key, format: .pem)
    return try NIOSSLContext(configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
  }

  @Test func `spans go over TLS to a collector whose authority is known`() async throws {
    let directory = try TemporaryDirectory()
    let authority = try TestAuthority(in: directory)
    let collector = try await Collector.start(tls: Self.context(authority.issue("collector")))
    try await with(collector, authority: authority, headers: "authorization: Bearer s3cret\n") { tracer, exporter in
      for name in ["one", "two"] {
        tracer.span(name, .server, in: nil, attributes: [:]).end()
        try await eventually(name) { exporter.counts.exported == (name == "one" ? 1 : 2) }
      }
    }
    #expect(try collector.spans().map(\.name) == ["one", "two"])
    #expect(collector.requests.allSatisfy { $0.values("authorization") == ["Bearer s3cret"] })
    try await collector.stop()
  }

  @Test(arguments: [("DNS:localhost,IP:127.0.0.1", true), ("DNS:collector.test", false)])
  func `a collector of another authority or another name gets nothing, no header either`(_ names: String, _ isStranger: Bool) async throws {
    let directory = try TemporaryDirectory()
    let known = try TestAuthority(in: directory)
    let signer = isStranger ? try TestAuthority("A stranger", in: directory) : known
    let collector = try await Collector.start(tls: Self.context(signer.issue("collector", for: names)))
    var exporter: SpanExporter?
    try await with(collector, authority: known, headers: "authorization: Bearer s3cret\n") { tracer, made in
      exporter = made
      tracer.span("lost", .server, in: nil, attributes: [:]).end()
    }
    #expect(exporter?.counts == .init(exported: 0, droppedByQueue: 0, droppedByExport: 1))
    #expect(collector.requests.isEmpty)
    try await collector.stop()
  }

  @Test func `a file of authorities that holds none ends the start`() throws {
    let directory = try TemporaryDirectory()
    var configuration = TracingConfiguration()
    configuration.endpoint = try CollectorURL(configurationText: "https://127.0.0.1:4318")
    configuration.ca = try directory.write("ca.pem", "no certificate\n")
    let error = #expect(throws: PicoError.self) {
      try SpanExporter(
        configuration, resource: .init(service: "tested", instance: "i-1"), on: MultiThreadedEventLoopGroup.singleton.next(),
        logger: Self.silent)
    }
    #expect("\(try #require(error))".contains("tracing.tls.ca"))
  }

  // MARK: Headers

  @Test(arguments: ["no colon", ": value", "a b: c", "a: b\u{1}", "a: ü"])
  func `a file without headers ends the start, and what is in it is not repeated`(line: String) throws {
    let directory = try TemporaryDirectory()
    try directory.write("headers", "fine: yes\n\(line)\n")
    let error = #expect(throws: PicoError.self) { try CollectorHeaders.read(directory.path("headers")) }
    #expect("\(try #require(error))".contains("headers has no header (name: value) in line 2"))
  }

  // MARK: As a tracer of swift-distributed-tracing

  @Test func `spans made by the library's own calls are children of each other`() async throws {
    let queue = SpanQueue()
    let tracer = SpanTracer(sample: SampleRate(1), sink: queue)
    struct Refused: Error {}
    tracer.withSpan("outer") { outer in
      try? tracer.withSpan("inner") { inner in
        #expect(inner.traceContext.traceHigh == outer.traceContext.traceHigh && inner.isRecording)
        throw Refused()
      }
    }
    let spans = queue.next(9)
    #expect(spans.map(\.name) == ["inner", "outer"])
    #expect(spans[0].parent == spans[1].context.spanID && spans[1].parent == nil)
    #expect(spans[0].status?.code == .error && spans[0].events.map(\.name) == ["exception"])
  }

  @Test func `what is not sampled is passed on and not recorded`() throws {
    let queue = SpanQueue()
    let tracer = SpanTracer(sample: SampleRate(0), sink: queue)
    var carrier: [String: String] = [:]
    tracer.withSpan("s") { span in
      #expect(!span.isRecording)
      tracer.inject(span.context, into: &carrier, using: Fields())
    }
    #expect(queue.next(1).isEmpty)
    #expect(try #require(carrier["traceparent"]).hasSuffix("-00"))
    var context = InstrumentationContext.topLevel
    tracer.extract(carrier, into: &context, using: Fields())
    #expect(context.traceContext?.text == carrier["traceparent"])
  }

  private struct Fields: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
  }
}
