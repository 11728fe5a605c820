internal import Glibc
package import NIOCore

/// The handler that encrypts, in the pipelines that have one.
package enum EncryptionHandler {
  package static let name = "encryption"
}

extension Channel {
  /// Closes with a reset, so that the other side cannot take what it has for the whole. What waits to be sent is lost. On the loop only.
  package func closeByReset() {
    _ = (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    closeAtSocket()
  }

  /// Closes the socket without a last word of the encryption, which says that everything was sent. On the loop only.
  package func closeAtSocket() {
    if let encryption = try? pipeline.syncOperations.context(name: EncryptionHandler.name) {
      encryption.close(promise: nil)
    } else {
      close(promise: nil)
    }
  }
}
