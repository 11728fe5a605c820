internal import ArgumentParser
internal import NIOSSL
internal import PicoCore
internal import PicoTransport

/// The files with which a command speaks TLS to a server.
struct TLSOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A PEM file of authorities for the server's certificate.", valueName: "FILE"))
  var ca: String?

  @Option(help: ArgumentHelp("A PEM file with the certificate to show.", valueName: "FILE"))
  var cert: String?

  @Option(help: ArgumentHelp("A PEM file with the key of --cert.", valueName: "FILE"))
  var key: String?

  func validate() throws {
    if (cert == nil) != (key == nil) { throw ValidationError("--cert and --key need each other") }
  }

  var isGiven: Bool { ca != nil || cert != nil }

  var credentials: TLSContext.Credentials? {
    guard let cert, let key else { return nil }
    return TLSContext.Credentials(certificateFile: cert, keyFile: key)
  }
}

extension AdminClient {
  /// Throws `badConfiguration` for files that cannot be used.
  init(_ url: BaseURL, _ files: TLSOptions, token: String?) throws {
    let tls = url.isTLS ? try TLSContext.make(caFile: files.ca, key: "--ca", credentials: files.credentials) : nil
    self.init(url, tls: tls, token: token)
  }
}

extension TokenFile {
  /// A token that is to be sent to a server. Throws `badConfiguration` that names the flag: for a file that cannot be used, and when the token
  /// would go unencrypted to another machine.
  static func read(_ path: String, flag: String, for url: BaseURL) throws(PicoError) -> String {
    guard url.isTLS || url.address.isLoopback else {
      throw PicoError(.badConfiguration, "\(flag): the token would go unencrypted to \(url)", side: .internal)
    }
    do throws(TokenFileError) {
      let token = try read(path)
      guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw TokenFileError(description: "the token file \(path) holds characters that no token has")
      }
      return token
    } catch {
      throw PicoError(.badConfiguration, "\(flag): \(error)", side: .internal)
    }
  }
}
