package import PicoTunnel

/// Takes the streams of a listener's tunnels on one event loop.
package protocol StreamAcceptor: AnyObject {
  var resources: LoopResources { get }

  /// A stream of `tunnel` was opened; the answer takes what arrives on it, nil refuses it unharmed.
  func accept(_ stream: TunnelStream, on tunnel: TunnelHandler) -> (any StreamConsumer)?
}
