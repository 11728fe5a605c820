internal import NIOCore
internal import NIOSSL
internal import PicoCore
internal import PicoTransport

/// TLS towards what is measured. All connections share one context.
struct BenchTLS: Sendable {
  private let context: NIOSSLContext
  private let host: String

  /// Nil in the clear.
  /// - Throws: `badConfiguration` that names the flag and the file.
  init?(_ configuration: BenchConfiguration) throws(PicoError) {
    guard configuration.isTLS else { return nil }
    context = try TLSContext.make(caFile: configuration.caFile, key: "--ca", credentials: configuration.credentials)
    host = configuration.host
  }

  func secure(_ channel: any Channel) throws {
    try channel.pipeline.syncOperations.addHandler(TLSContext.handler(context, host: host))
  }
}
