internal import Glibc

/// What the kernel still has to send, or to see acknowledged, on a socket.
enum OutputQueue {
  /// SIOCOUTQ of tcp(7), the same number as TIOCOUTQ.
  private static let request: UInt = 0x5411

  /// 0 when the socket is gone.
  static func bytes(of descriptor: CInt) -> Int {
    var count: CInt = 0
    // The request writes one integer, which the local is.
    return unsafe ioctl(descriptor, request, &count) == 0 ? Int(count) : 0
  }
}
