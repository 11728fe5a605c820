internal import NIOCore
internal import NIOHTTP2

/// How the node speaks HTTP/2: what it tells clients, and how much of what costs it work it takes from one connection.
enum HTTP2Options {
  /// How much of a request's body may wait for its service.
  static let streamWindow = 256 << 10
  /// Of all streams of a connection together; one that waits does not take it from the others.
  static let connectionWindow = 1 << 20
  /// Of responses that wait for the client.
  private static let unreadMarks = (low: 16 << 10, high: 32 << 10)
  /// Resets (CVE-2023-44487), and pings, settings and priorities: more of them in ten seconds end the connection.
  private static let resetsAllowed = 400
  private static let controlFramesAllowed = 400
  private static let window = TimeAmount.seconds(10)
  /// As large as a client may send them.
  private static let frameSize = 16 << 10

  /// - Parameter maximumHead: `proxy.max-head`. The list may be twice as large before it ends the connection, so that what is a little too
  ///   large can be answered.
  static func connection(maximumStreams: Int, maximumHead: Int) -> NIOHTTP2Handler.ConnectionConfiguration {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: maximumStreams),
      HTTP2Setting(parameter: .initialWindowSize, value: streamWindow),
      HTTP2Setting(parameter: .maxHeaderListSize, value: 2 * maximumHead),
    ]
    // ``MessageWriter`` is stricter than these, and its refusals are answered.
    configuration.headerBlockValidation = .disabled
    configuration.contentLengthValidation = .disabled
    configuration.maximumSequentialContinuationFrames = max(5, 2 * maximumHead / frameSize + 1)
    configuration.maximumRecentlyResetStreams = 2 * maximumStreams
    configuration.maximumBufferedControlFrames = 1000
    configuration.targetWindowSize = connectionWindow
    configuration.controlFrameRateLimit.maximumCount = controlFramesAllowed
    configuration.controlFrameRateLimit.windowLength = window
    return configuration
  }

  static var stream: NIOHTTP2Handler.StreamConfiguration {
    var configuration = NIOHTTP2Handler.StreamConfiguration()
    configuration.targetWindowSize = streamWindow
    configuration.outboundBufferSizeLowWatermark = unreadMarks.low
    configuration.outboundBufferSizeHighWatermark = unreadMarks.high
    configuration.streamResetFrameRateLimit.maximumCount = resetsAllowed
    configuration.streamResetFrameRateLimit.windowLength = window
    return configuration
  }
}
