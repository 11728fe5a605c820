internal import Logging
internal import NIOCore
internal import PicoAuth
internal import PicoCore
internal import PicoHTTP
internal import PicoTunnel

extension ProxyHandler {
  /// How many seconds a verified token goes without being verified again, whatever it says: the time of day may be put right meanwhile.
  private static var recheck: Double { 60 }

  /// What is to become of a request that needs a token.
  enum Admission {
    case admitted(KnownToken)
    case refused(ErrorCode)
    /// The key that it names may be in the key set by now: the request goes on when that was fetched.
    case waits(token: [UInt8])
  }

  /// Looks at the token of a request. On the way of every request: a token that this connection or this loop has seen lately costs no
  /// verification, and nothing here waits.
  func admission(_ head: borrowing RequestHead, _ span: RawSpan, by authenticator: PortAuthenticator) -> Admission {
    let range: Range<Int>
    do throws(TokenFault) {
      range = try tokenRange(head, span)
    } catch {
      return .refused(code(of: error, at: authenticator))
    }
    let token = span.extracting(range)
    // What was verified for one port says nothing of the other, though a connection may use both.
    let isProxy = authenticator === node.authenticators.proxy
    let now = loop.resources.now()
    let generation = authenticator.generation
    if isProxy {
      if let knownToken, knownToken.isGood(for: token, now: now, generation: generation) { return .admitted(knownToken) }
      knownToken = nil
    }
    guard token.byteCount <= CompactToken.maximumSize else { return .refused(code(of: .invalid(.tooLarge), at: authenticator)) }
    let (text, fingerprint) = (token.copy(), Fingerprint(token))
    if isProxy, let entry = loop.tokens.entry(of: fingerprint, now: now, generation: generation) {
      return .admitted(remember(text, fingerprint, entry))
    }
    let client = client(of: head, span)
    guard authenticator.failures.mayTry(fingerprint, of: client, now: now) else {
      note(authenticator.failures.limit)
      return .refused(.tooManyRequests)
    }
    do throws(TokenFault) {
      let entry = try entry(of: fingerprint, text, now: now, generation: generation, by: authenticator)
      guard isProxy else { return .admitted(KnownToken(text: [], fingerprint, entry)) }
      loop.tokens.insert(entry, of: fingerprint)
      return .admitted(remember(text, fingerprint, entry))
    } catch {
      if authenticator.mayHelp(error, of: text, since: generation) { return .waits(token: text) }
      authenticator.failures.recordFailure(fingerprint, of: client, now: now)
      return .refused(code(of: error, at: authenticator))
    }
  }

  /// For the next request of the connection.
  private func remember(_ text: [UInt8], _ fingerprint: Fingerprint, _ entry: TokenCache.Entry) -> KnownToken {
    let known = KnownToken(text: text, fingerprint, entry)
    knownToken = known
    return known
  }

  /// What a token is worth now, and until when without another look.
  private func entry(
    of fingerprint: Fingerprint, _ text: [UInt8], now: UInt64, generation: UInt64, by authenticator: PortAuthenticator
  ) throws(TokenFault) -> TokenCache.Entry {
    let claims = try authenticator.verify(text)
    authenticator.failures.recordSuccess(fingerprint)
    let left = claims.expiry.map { $0 + authenticator.rules.clockSkew - WallClock.seconds() } ?? Self.recheck
    let deadline = now &+ UInt64(max(0, min(left, Self.recheck)) * 1e9)
    return TokenCache.Entry(claims: claims, deadline: deadline, generation: generation)
  }

  /// Where the token stands. Pico's own header is the only one that counts when it is there, whatever it holds.
  private func tokenRange(_ head: borrowing RequestHead, _ span: RawSpan) throws(TokenFault) -> Range<Int> {
    let isOwn = head.contains(.picoAuthorization)
    guard let value = isOwn ? head.picoAuthorization : head.authorization else { throw .missing }
    guard !head.isRepeated(isOwn ? .picoAuthorization : .authorization) else { throw .invalid(.repeatedHeader) }
    let first = Int(value.start)
    guard let start = TokenHeader.start(count: Int(value.count), mayBeBare: isOwn, byte: { span.byte(first + $0) }) else {
      throw isOwn ? .invalid(.notBearer) : .missing
    }
    forwarding.consumedAuthorization = !isOwn
    return (first + start)..<value.end
  }

  private func code(of fault: TokenFault, at authenticator: PortAuthenticator) -> ErrorCode {
    if case .invalid(let flaw) = fault {
      node.logger.debug(
        "token refused",
        metadata: ["port": "\(authenticator.port)", "reason": "\(flaw.rawValue)", "client": "\(forwarding.clientAddress.text)"])
    }
    return ErrorCode(fault)
  }

  // MARK: Waiting for keys

  /// The request at the front of `bytes` begins anew once the key set was fetched.
  func waitForKeys(of authenticator: PortAuthenticator, for token: [UInt8], with bytes: ByteBuffer) {
    guard let context else { return }
    isCountedAhead = authenticator === node.authenticators.proxy && loop.limits.looksAtClients
    setAside(with: bytes)
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.makeFutureWithTask { await authenticator.refreshForUnknownKey(of: token) }
      .whenComplete { _ in bound.value.answerCame() }
  }
}

extension ErrorCode {
  init(_ fault: TokenFault) {
    switch fault {
    case .missing: self = .missingToken
    case .invalid: self = .invalidToken
    case .expired: self = .expiredToken
    }
  }
}

extension RawSpan {
  fileprivate func copy() -> [UInt8] {
    // The bytes are copied within the call.
    unsafe withUnsafeBytes { unsafe Array($0) }
  }
}
