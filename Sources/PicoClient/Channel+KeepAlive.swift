internal import Glibc
internal import NIOCore

extension Channel {
  /// Asks a peer that is silent for half a minute whether it is still there; one that is gone is noticed within a minute (tcp(7)).
  func keepAlive() {
    guard let options = syncOptions else { return }
    try? options.setOption(.socketOption(.so_keepalive), value: 1)
    for (name, value) in [(TCP_KEEPIDLE, 30), (TCP_KEEPINTVL, 10), (TCP_KEEPCNT, 3)] as [(CInt, ChannelOptions.Types.SocketOption.Value)] {
      try? options.setOption(.tcpOption(.init(rawValue: name)), value: value)
    }
  }
}
