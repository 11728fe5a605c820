package import NIOCore

extension RequestHead {
  /// Writes the request as a node passes it on to an agent: everything byte for byte but hop-by-hop and Pico's own fields, with what
  /// says where it came from. `bytes` are those that were parsed; the head must be complete.
  package func writeForwarded(_ bytes: RawSpan, _ context: ForwardingContext, into out: inout ByteBuffer) {
    var dropped = hopByHopNames(bytes)
    dropped.formUnion(.pico)
    if context.consumedAuthorization { dropped.insert(.authorization) }
    if requestID == nil { dropped.insert(.requestID) }
    if !context.isTrusted { dropped.formUnion(.claimedByProxies) }
    let keptForwardedFor = context.isTrusted ? section.lastIndex(of: .forwardedFor) : nil

    // The host may stand in the head once more, as X-Forwarded-Host.
    out.writeHead(copyingUpTo: 2 * section.lineStart) { writer in
      writeRequestLine(bytes, &writer)
      // In front, where another node finds it without reading the head.
      if let trace = context.trace { trace.write(&writer) }
      if host == nil { writeMissingHost(bytes, &writer) }
      section.writeKept(bytes, dropping: dropped, at: keptForwardedFor, &writer)
      writeOrigin(bytes, context, keptForwardedFor: keptForwardedFor, &writer)
      if requestID == nil, !context.requestID.isEmpty {
        writer.append("X-Request-Id: ")
        context.requestID.write(&writer)
        writer.append("\r\n")
      }
      if context.addsLoop { writer.append("CDN-Loop: pico\r\n") }
      if context.addsVia {
        writer.append(context.isHTTP2 ? "Via: 2.0 pico\r\n" : version == .http11 ? "Via: 1.1 pico\r\n" : "Via: 1.0 pico\r\n")
      }
      writeEnd(dropped, closes: context.closesStream, &writer)
    }
  }

  /// Writes the request as an agent sends it to its upstream, on a connection that stays open.
  /// - Parameters:
  ///   - replacement: becomes the value of `Host`.
  ///   - trace: stands in front; what the request says of its trace has been left out then.
  package func writeToUpstream(
    _ bytes: RawSpan, host replacement: ByteBuffer?, trace: TraceContext? = nil, into out: inout ByteBuffer
  ) {
    let dropped = hopByHopNames(bytes)
    let length = section.lineStart + (replacement?.readableBytes ?? 0)
    out.writeHead(copyingUpTo: length) { writer in
      writeRequestLine(bytes, &writer)
      if let trace { trace.write(&writer) }
      if let replacement {
        // Where the old one stood, or in front.
        let index = section.lastIndex(of: .host) ?? -1
        section.writeKept(bytes, dropping: dropped, upTo: max(index, 0), &writer)
        writer.append("Host: ")
        let host = replacement.readableBytesSpan
        writer.append(host, 0..<host.byteCount)
        writer.append("\r\n")
        section.writeKept(bytes, dropping: dropped, from: index + 1, &writer)
      } else {
        if host == nil { writeMissingHost(bytes, &writer) }
        section.writeKept(bytes, dropping: dropped, &writer)
      }
      writeEnd(dropped, closes: false, &writer)
    }
  }

  /// What does not outlive this connection. `TE: trailers` alone stays where it is, a longer one is written anew by `writeEnd`.
  private func hopByHopNames(_ bytes: RawSpan) -> FieldNames {
    var named = section.connectionOptions
    named.subtract(.deafToConnection)
    var dropped = FieldNames.hopByHop
    dropped.formUnion(named)
    if !isUpgrade { dropped.insert(.upgrade) }
    if let te = section.value(.te), section.repeated.contains(.te) || !bytes.equals(te, folded: "trailers") { dropped.insert(.te) }
    return dropped
  }

  /// Origin-form, and always HTTP/1.1 (RFC 9110 section 2.5 has every hop speak its own version).
  private func writeRequestLine(_ bytes: RawSpan, _ writer: inout HeadWriter) {
    if targetForm != .absolute {
      writer.append(bytes, Int(methodSlice.start)..<target.end)
    } else {
      writer.append(bytes, methodSlice)
      if originForm.isEmpty {
        writer.append(method == .options ? " *" : " /")
      } else {
        writer.append(bytes.byte(Int(originForm.start)) == UInt8(ascii: "/") ? " " : " /")
        writer.append(bytes, originForm)
      }
    }
    writer.append(" HTTP/1.1\r\n")
  }

  /// An HTTP/1.0 request need not name a host, an HTTP/1.1 one must: the target's, else the endpoint.
  private func writeMissingHost(_ bytes: RawSpan, _ writer: inout HeadWriter) {
    writer.append("Host: ")
    if !authority.isEmpty {
      writer.append(bytes, authority)
    } else if let endpoint {
      writer.append(bytes, endpoint)
    }
    writer.append("\r\n")
  }

  /// `X-Forwarded-For`, `-Proto` and `-Host`. To a trusted list the client is added at the end of its last line.
  private func writeOrigin(_ bytes: RawSpan, _ context: ForwardingContext, keptForwardedFor index: Int?, _ writer: inout HeadWriter) {
    writer.append("X-Forwarded-For: ")
    if let index, !section.fields[index].value.isEmpty {
      writer.append(bytes, section.fields[index].value)
      writer.append(", ")
    }
    context.clientAddress.write(&writer)
    if context.isTrusted, section.present.contains(.forwardedProto) {
      writer.append("\r\n")
    } else {
      writer.append(context.isSecure ? "\r\nX-Forwarded-Proto: https\r\n" : "\r\nX-Forwarded-Proto: http\r\n")
    }
    if !context.isTrusted || !section.present.contains(.forwardedHost), let host = host ?? (authority.isEmpty ? nil : authority) {
      writer.append("X-Forwarded-Host: ")
      writer.append(bytes, host)
      writer.append("\r\n")
    }
  }

  private func writeEnd(_ dropped: FieldNames, closes: Bool, _ writer: inout HeadWriter) {
    if acceptsTrailers, dropped.contains(.te) { writer.append("TE: trailers\r\n") }
    if isUpgrade {
      writer.append("Connection: Upgrade\r\n\r\n")
    } else {
      writer.append(closes ? "Connection: close\r\n\r\n" : "\r\n")
    }
  }
}

extension FieldNames {
  /// Only a proxy that we trust may say these.
  fileprivate static let claimedByProxies: FieldNames = [.forwarded, .realIP, .forwardedFor, .forwardedProto, .forwardedHost]
}

extension FieldSection {
  func lastIndex(of name: FieldName) -> Int? {
    guard present.contains(name) else { return nil }
    return fields.lastIndex { $0.name == name }
  }

  /// Copies the lines `first..<end` that stay, neighbours together.
  /// - Parameter left: the index of one more line that does not stay.
  func writeKept(
    _ bytes: RawSpan, dropping dropped: FieldNames, at left: Int? = nil, from first: Int = 0, upTo end: Int? = nil,
    _ writer: inout HeadWriter
  ) {
    let lines = fields.span
    let end = end ?? lines.count
    let left = left ?? -1
    guard first < end else { return }
    var runStart = Int(lines[first].start)
    var runEnd = runStart
    for index in first..<end {
      let line = lines[index]
      if dropped.contains(line.name) || line.isLeftOut || index == left {
        if runEnd > runStart { writer.append(bytes, runStart..<runEnd) }
        runStart = Int(line.end)
      }
      runEnd = Int(line.end)
    }
    if runEnd > runStart { writer.append(bytes, runStart..<runEnd) }
  }
}
