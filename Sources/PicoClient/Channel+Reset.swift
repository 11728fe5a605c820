internal import Glibc
internal import NIOCore

extension Channel {
  /// From now on closing sends a reset, so that the other side cannot take what it has for the whole.
  func closeByReset() {
    _ = (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
  }

  /// Asks a peer that is silent for half a minute whether it is still there; one that is gone is noticed within a minute (tcp(7)).
  func keepAlive() {
    guard let options = syncOptions else { return }
    try? options.setOption(.socketOption(.so_keepalive), value: 1)
    for (name, value) in [(TCP_KEEPIDLE, 30), (TCP_KEEPINTVL, 10), (TCP_KEEPCNT, 3)] as [(CInt, ChannelOptions.Types.SocketOption.Value)] {
      try? options.setOption(.tcpOption(.init(rawValue: name)), value: value)
    }
  }
}
