package import PicoCore

/// A proxy that opens connections on request (HTTP CONNECT), and who we are there. What is printed of it is its address alone.
package struct HTTPProxy: Hashable, Sendable, CustomStringConvertible {
  package let address: HostPort
  /// Whether the URL held a password: such a one may stand where nobody else can read it.
  package let hasPassword: Bool
  /// The value of `Proxy-Authorization` (RFC 7617): as secret as the password.
  let authorization: String?

  /// `http://[USER[:PASSWORD]@]HOST:PORT`; what stands before the @ is percent-encoded. The port has to be there: of a URL without one half of
  /// all programs think port 80, and the other half 1080 or 3128. The error does not quote the text, which may hold a password.
  package init(text: some StringProtocol) throws(MalformedValue) {
    let malformed = MalformedValue(
      "is not the URL of a proxy with its port (like http://proxy.example.com:3128, http://user:password@10.0.0.1:3128)")
    guard text.lowercased().hasPrefix("http://") else { throw malformed }
    var rest = Substring(text.dropFirst("http://".count))
    if rest.last == "/" { rest.removeLast() }
    if let at = rest.lastIndex(of: "@") {
      let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard let user = Self.decoded(parts[0]), !user.contains(UInt8(ascii: ":")), let password = Self.decoded(parts.dropFirst().first ?? "")
      else { throw malformed }
      hasPassword = !password.isEmpty
      authorization = "Basic " + Base64.text(user + [UInt8(ascii: ":")] + password)
      rest = rest[rest.index(after: at)...]
    } else {
      hasPassword = false
      authorization = nil
    }
    do throws(MalformedValue) {
      address = try HostPort(text: rest)
    } catch {
      throw malformed
    }
    guard !address.host.isEmpty, address.port != 0 else { throw malformed }
  }

  package var description: String { "http://\(address)" }

  /// Nil for a `%` without its two digits and for control characters.
  private static func decoded(_ text: Substring) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F } ? bytes : nil
  }

  private static func digit(_ byte: UInt8) -> UInt8? { Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) } }
}
