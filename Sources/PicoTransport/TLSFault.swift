package import NIOCore

/// What went wrong with the TLS of a connection, in words.
package struct TLSFault: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package static let timeout = TLSFault(description: "the handshake took too long")
  package static let clientCertificateEnded = TLSFault(
    description: "the client resumes a session with a certificate that is not valid any more")

  private init(description: String) { self.description = description }

  package init(_ error: any Error) { description = ConnectErrorText.text(error) }
}

/// Stands behind the TLS of a client's connection and says in words what went wrong with it.
package final class TLSFaultHandler: ChannelInboundHandler {
  package typealias InboundIn = ByteBuffer

  package init() {}

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.fireErrorCaught(TLSContext.isTLS(error) ? TLSFault(error) : error)
  }
}
