internal import Logging
internal import NIOCore
internal import PicoCore
internal import PicoTunnel

/// Opens streams to one endpoint.
struct EndpointDialer: Sendable {
  let settings: DialSettings
  private let server: ServerConnector

  /// Reads the authorities; the token file must be readable.
  init(_ settings: DialSettings, logger: Logger? = nil) throws(PicoError) {
    self.settings = settings
    server = try ServerConnector(settings.access, logger: logger)
  }

  /// Runs on the loop of `resources`, and calls `completion` there once: with a stream, before anything that came on it is looked at.
  func dial(on resources: LoopResources, completion: @escaping (Result<EndpointStream, DialError>) -> Void) {
    let isPico = settings.dialect == .pico
    server.connect(
      path: settings.path, subprotocol: nil, agentID: nil, on: resources.eventLoop,
      makeSuccessor: { _ in EndpointStream(loop: resources, hasHalfClose: isPico) },
      completion: { completion($0.mapError { DialError($0) }) })
  }
}
