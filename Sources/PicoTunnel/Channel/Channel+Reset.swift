internal import Glibc
package import NIOCore

extension Channel {
  /// From now on closing sends a reset, so that the other side cannot take what it has for the whole.
  package func closeByReset() {
    _ = (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
  }
}
