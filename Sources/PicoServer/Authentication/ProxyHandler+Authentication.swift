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
    if authenticator === node.authenticators.proxy { return remembered(token, by: authenticator) }
    let generation = authenticator.generation
    let text = token.copy()
    do throws(TokenFault) {
      let claims = try authenticator.verify(text)
      return .admitted(KnownToken(text: [], .init(claims: claims, deadline: 0, generation: 0)))
    } catch {
      return authenticator.mayHelp(error, of: text, since: generation) ? .waits(token: text) : .refused(code(of: error, at: authenticator))
    }
  }

  /// As the connection knows the token, else the loop, else as it is verified now.
  private func remembered(_ token: RawSpan, by authenticator: PortAuthenticator) -> Admission {
    let now = loop.resources.now()
    let generation = authenticator.generation
    if let knownToken, knownToken.isGood(for: token, now: now, generation: generation) { return .admitted(knownToken) }
    knownToken = nil
    guard token.byteCount <= CompactToken.maximumSize else { return .refused(code(of: .invalid(.tooLarge), at: authenticator)) }
    let text = token.copy()
    do throws(TokenFault) {
      let entry = try entry(of: Fingerprint(token), text, now: now, generation: generation, by: authenticator)
      let known = KnownToken(text: text, entry)
      knownToken = known
      return .admitted(known)
    } catch {
      return authenticator.mayHelp(error, of: text, since: generation) ? .waits(token: text) : .refused(code(of: error, at: authenticator))
    }
  }

  private func entry(
    of fingerprint: Fingerprint, _ text: [UInt8], now: UInt64, generation: UInt64, by authenticator: PortAuthenticator
  ) throws(TokenFault) -> TokenCache.Entry {
    if let entry = loop.tokens.entry(of: fingerprint, now: now, generation: generation) { return entry }
    let claims = try authenticator.verify(text)
    let left = claims.expiry.map { $0 + authenticator.rules.clockSkew - WallClock.seconds() } ?? Self.recheck
    let deadline = now &+ UInt64(max(0, min(left, Self.recheck)) * 1e9)
    let entry = TokenCache.Entry(claims: claims, deadline: deadline, generation: generation)
    loop.tokens.insert(entry, of: fingerprint)
    return entry
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

  /// The request at the front of `bytes` begins anew once the key set was fetched. Until then nothing is read, and it counts as in flight.
  func waitForKeys(of authenticator: PortAuthenticator, for token: [UInt8], with bytes: ByteBuffer) {
    guard let context else { return }
    exchange.startedAt = 0
    accessRecord = nil
    phase = .head
    deadline = 0
    isAwaitingKeys = true
    keep(bytes)
    pauseReading()
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.makeFutureWithTask { await authenticator.refreshForUnknownKey(of: token) }.whenComplete { _ in bound.value.keysCame()
    }
  }

  /// Safe to call when nothing waits.
  func stopAwaitingKeys() {
    guard isAwaitingKeys else { return }
    isAwaitingKeys = false
    loop.statistics.inFlight &-= 1
  }

  private func keysCame() {
    guard isAwaitingKeys else { return }
    stopAwaitingKeys()
    guard context != nil, phase == .head, isWritable else { return }
    readPipelined()
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
