internal import PicoAuth
internal import PicoConfiguration
internal import PicoCore

/// The key files of one port, or of one issuer of it.
struct KeyFiles: Sendable {
  private enum Kind: Sendable {
    case secret
    case publicKeys
    case set

    var name: String {
      switch self {
      case .secret: "hmac-secret-file"
      case .publicKeys: "public-key-file"
      case .set: "jwks"
      }
    }
  }

  private static let maximumKeyFile = 64 << 10

  /// What the files' keys are in: `proxy.auth`.
  private let section: String
  private let files: [(kind: Kind, path: String)]

  init(section: String, _ settings: ServerConfiguration.Authentication) {
    self.section = section
    var files = settings.hmacSecretFiles.texts.map { (kind: Kind.secret, path: $0) }
    files += settings.publicKeyFiles.texts.map { (.publicKeys, $0) }
    if case .file(let path) = settings.jwks { files.append((.set, path)) }
    self.files = files
  }

  init(section: String, _ issuer: ServerConfiguration.Issuer) {
    self.section = section
    if case .file(let path) = issuer.jwks { files = [(.set, path)] } else { files = [] }
  }

  /// What the files hold, before anybody knows what it means.
  struct Contents: Sendable, Equatable {
    fileprivate var bytes: [[UInt8]]

    /// To see whether files changed, without keeping secrets.
    var fingerprint: Fingerprint { Fingerprint(bytes.flatMap { "\($0.count):".utf8 + $0 }) }
  }

  /// - Throws: `badConfiguration` with the key and the file.
  func read() throws(PicoError) -> Contents {
    var contents = Contents(bytes: [])
    for (kind, path) in files {
      do throws(FileReadError) {
        let limit = kind == .set ? KeySetDocument.maximumSize : Self.maximumKeyFile
        contents.bytes.append(try TextFile.readBytes(path: path, maximumSize: limit))
      } catch {
        throw fault(kind, path, error.reason)
      }
    }
    return contents
  }

  /// - Throws: `badConfiguration` with the key and the file, and never a byte of what is in it.
  func keys(_ contents: Contents) async throws(PicoError) -> [VerificationKey] {
    var keys: [VerificationKey] = []
    for ((kind, path), bytes) in zip(files, contents.bytes) {
      do throws(KeyFault) {
        switch kind {
        case .secret: keys.append(try await VerificationKey(secret: try SecretBytes.read(bytes)))
        case .publicKeys: keys += try await VerificationKey.keys(publicPEM: String(decoding: bytes, as: UTF8.self))
        case .set: keys += try await KeySetDocument.keys(bytes)
        }
      } catch {
        throw fault(kind, path, "\(error)")
      }
    }
    return keys
  }

  private func fault(_ kind: Kind, _ path: String, _ reason: String) -> PicoError {
    PicoError(.badConfiguration, "\(section).\(kind.name): \(path) \(reason)", side: .internal)
  }
}
