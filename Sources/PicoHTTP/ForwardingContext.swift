/// What a node knows about a request beside its head. Prepare one per connection and set what changes with each request.
package struct ForwardingContext: Sendable {
  /// The client's address as it stands in `X-Forwarded-For`: no port, no brackets.
  package var clientAddress: HeaderText
  /// The downstream connection is encrypted.
  package var isSecure = false
  /// The client is one of `proxy.trusted-proxies`: what it says in forwarding headers is kept.
  package var isTrusted = false
  /// For a request that brings none that is fit.
  package var requestID: HeaderText
  /// Pico itself used the `Authorization` field.
  package var consumedAuthorization = false
  /// The client speaks HTTP/2.
  package var isHTTP2 = false
  /// This node is the first one of ours that the request meets.
  package var addsLoop = true
  /// `proxy.via`.
  package var addsVia = false
  /// The stream is for a plain yamux listener, which expects to hear that the exchange is its last.
  package var closesStream = false
  /// Takes the place of what the request says of its trace, which has been left out then.
  package var trace: TraceContext?

  package init(clientAddress: HeaderText, requestID: HeaderText = HeaderText()) {
    self.clientAddress = clientAddress
    self.requestID = requestID
  }
}
