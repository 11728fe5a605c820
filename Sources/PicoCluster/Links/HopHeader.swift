package import NIOCore
package import PicoCore

/// The first bytes of each stream of a link: what it is for. Behind it come the bytes for the endpoint's listener, as they are, or what the
/// nodes have to say to each other.
///
/// 4 bytes and two names: the version (1), the kind, the lengths of the tenant's and of the endpoint's name, the names. Source:
/// docs/protocol.md, "Links".
package struct HopHeader: Equatable, Sendable {
  package enum Kind: UInt8, Sendable {
    /// The dialer's proof: 32 bytes follow, and the end. On the first stream, and on no other.
    case proof = 1
    /// One HTTP exchange, whose end comes with the last byte of the request.
    case exchange = 2
    /// Bytes both ways, each with an end of its own: TCP, or HTTP that asks for another protocol.
    case raw = 3
    /// Messages between the nodes themselves, in the frames of ``LinkMessages``. In the place of an endpoint stands what they are about.
    case conversation = 4
  }

  package var kind: Kind
  /// nil for a proof and for a conversation.
  package var endpoint: EndpointID?
  /// Of a conversation: the name of a ``LinkTopic``, or one that only a later version knows.
  package var topic: String?

  package init(_ kind: Kind, _ endpoint: EndpointID? = nil) {
    self.kind = kind
    self.endpoint = endpoint
  }

  package init(_ topic: LinkTopic) {
    kind = .conversation
    self.topic = topic.rawValue
  }

  private static let version: UInt8 = 1
  private static let fixedLength = 4

  package var bytes: [UInt8] {
    let tenant = Array((endpoint?.tenant.name ?? "").utf8)
    let name = Array((endpoint?.name ?? topic ?? "").utf8)
    // Neither name has more than 128 bytes.
    return [Self.version, kind.rawValue, UInt8(tenant.count), UInt8(name.count)] + tenant + name
  }

  package enum Reading: Equatable, Sendable {
    case needsMore
    /// The header has `length` bytes.
    case whole(HopHeader, length: Int)
    case malformed
  }

  /// Reads a header from the front of what came of a stream.
  package static func read(_ buffer: ByteBuffer) -> Reading {
    guard let fixed = buffer.getBytes(at: buffer.readerIndex, length: min(fixedLength, buffer.readableBytes)) else { return .needsMore }
    if let first = fixed.first, first != version { return .malformed }
    guard fixed.count == fixedLength else { return .needsMore }
    guard let kind = Kind(rawValue: fixed[1]) else { return .malformed }
    let (tenantLength, nameLength) = (Int(fixed[2]), Int(fixed[3]))
    let length = fixedLength + tenantLength + nameLength
    guard kind != .proof else { return tenantLength + nameLength == 0 ? .whole(HopHeader(.proof), length: length) : .malformed }
    guard tenantLength <= EndpointID.maximumLength, nameLength <= EndpointID.maximumLength else { return .malformed }
    guard let names = buffer.getBytes(at: buffer.readerIndex + fixedLength, length: tenantLength + nameLength) else { return .needsMore }
    if kind == .conversation {
      guard tenantLength == 0, let topic = EndpointID(String(decoding: names, as: UTF8.self)) else { return .malformed }
      var header = HopHeader(kind)
      header.topic = topic.name
      return .whole(header, length: length)
    }
    let tenant: TenantID
    if tenantLength == 0 {
      tenant = .default
    } else if let named = TenantID(String(decoding: names.prefix(tenantLength), as: UTF8.self)) {
      tenant = named
    } else {
      return .malformed
    }
    guard let endpoint = EndpointID(String(decoding: names.dropFirst(tenantLength), as: UTF8.self), of: tenant) else { return .malformed }
    return .whole(HopHeader(kind, endpoint), length: length)
  }
}
