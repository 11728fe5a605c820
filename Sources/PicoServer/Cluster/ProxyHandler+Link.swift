internal import Logging
internal import NIOCore
internal import PicoCluster
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel

extension ProxyHandler {
  /// `GET /pico/v1/link`: another node introduces itself, and the connection becomes a link.
  func openLink(_ head: borrowing RequestHead, _ bytes: ByteBuffer, _ rest: ByteBuffer) {
    let span = bytes.readableBytesSpan
    guard let link = node.link else { return fail(.notFound, behind: rest) }
    if let refusal = refusalOfHandshake(head, span) { return fail(refusal, behind: rest) }
    func field(_ name: StaticString) -> String { head.value(named: name, in: span)?.text(in: span) ?? "" }
    // A browser that was led here sends an Origin.
    guard head.value(named: "origin", in: span) == nil else { return refuseLink("a browser", "", rest) }
    guard field("sec-websocket-protocol") == LinkIntroduction.subprotocol else {
      return refuseLink("it speaks \(field("sec-websocket-protocol").prefix(64)), this node \(LinkIntroduction.subprotocol)", "", rest)
    }
    guard let dialer = NodeID(field("x-pico-node")), LinkIntroduction.isNonce(field("x-pico-nonce")) else {
      return fail(.malformedRequest, behind: rest)
    }
    guard field("x-pico-cluster") == link.cluster else {
      return refuseLink("it is of the cluster \(field("x-pico-cluster").prefix(64))", dialer.text, rest)
    }
    guard field("x-pico-peer") == node.id.text else {
      return refuseLink("it asks for the node \(field("x-pico-peer").prefix(80))", dialer.text, rest)
    }
    guard let context else { return }
    let introduction = LinkIntroduction(
      cluster: link.cluster, dialer: dialer, acceptor: node.id, dialerNonce: field("x-pico-nonce"),
      acceptorNonce: LinkIntroduction.makeNonce())
    var answer = ByteBuffer()
    answer.writeString(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: \(LinkIntroduction.subprotocol)\r\n"
        + "x-pico-nonce: \(introduction.acceptorNonce)\r\n")
    let secrets = link.secrets?.all
    if let secrets { answer.writeString("x-pico-proof: \(introduction.proofs(of: .acceptor, secrets: secrets))\r\n") }
    answer.writeStaticString("Sec-WebSocket-Accept: ")
    answer.writeBytes(WebSocketHandshake.acceptKey(for: field("sec-websocket-key").utf8))
    answer.writeStaticString("\r\n\r\n")
    let session = LinkSession(loop: loop, introduction: introduction, secrets: secrets, takesNotes: field("x-pico-notes") == "1")
    takeOver(session.makeTunnel(), answer: answer, rest, context)
  }

  /// One line of the log says why, and the other node is told no more than that.
  private func refuseLink(_ reason: String, _ dialer: String, _ rest: ByteBuffer) {
    node.logger.warning(
      "link refused",
      metadata: ["reason": "\(reason.escapedForDisplay)", "node": "\(dialer)", "remote": "\(forwarding.clientAddress.text)"])
    fail(.linkNotPermitted, behind: rest)
  }

  private func takeOver(_ tunnel: TunnelHandler, answer: ByteBuffer, _ rest: ByteBuffer, _ context: ChannelHandlerContext) {
    exchange.status = 101
    finishRecords()
    let waiting = input.take()
    if isReadPaused { resumeReading() }
    leave()
    do {
      try context.pipeline.syncOperations.addHandler(tunnel, position: .after(self))
    } catch {
      return context.close(promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    _ = context.pipeline.syncOperations.removeHandler(self)
    for bytes in [waiting, rest] { if let bytes, bytes.readableBytes > 0 { tunnel.receive(bytes) } }
  }
}
