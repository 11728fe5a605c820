internal import Logging
internal import PicoAuth
internal import PicoCluster
internal import PicoConfiguration
internal import PicoCore
internal import PicoTransport
internal import Synchronization

/// The secrets by which nodes know each other (`cluster.secret-file`), as they were when the file could last be used. A link needs one that both
/// ends have, so a new one can be put beside the former one, node by node, and the former one taken out later. Links that were made with one that
/// is gone are replaced or end (``LinkFarewell``).
final class LinkSecrets: Sendable {
  private struct State {
    var secrets: [[UInt8]]
    var watch: FileWatch<FileStamp>
  }

  static let maximumFile = 64 << 10
  static let maximumCount = 8

  private let file: String
  private let state: Locked<State>

  /// - Throws: `badConfiguration` with the key and the file, and never a byte of what is in it.
  init(file: String) throws(PicoError) {
    self.file = file
    // Before the file is read: what changes in between is seen as a change.
    let stamp = FileStamp(path: file)
    state = Locked(State(secrets: try Self.read(file), watch: FileWatch(read: stamp)))
  }

  /// At least one.
  var all: [[UInt8]] { state.withLock { $0.secrets } }

  /// The secret is still in the file.
  func has(_ secret: [UInt8]) -> Bool { state.withLock { $0.secrets.contains(secret) } }

  /// Looks at the file, and reads it when it changed and stands still. Blocks, as the next one does.
  func look(_ logger: Logger) {
    let stamp = FileStamp(path: file)
    if state.withLock({ $0.watch.look(stamp) }) { read(logger) }
  }

  /// Reads the file, whatever it is.
  func readAgain(_ logger: Logger) {
    let stamp = FileStamp(path: file)
    state.withLock { $0.watch.take(stamp) }
    read(logger)
  }

  private func read(_ logger: Logger) {
    do throws(PicoError) {
      let secrets = try Self.read(file)
      state.withLock { $0.secrets = secrets }
      logger.notice("the cluster's secret was read again", metadata: ["secrets": "\(secrets.count)"])
    } catch {
      logger.warning("the new secret of the cluster cannot be used, the former one stays", metadata: ["reason": "\(error)"])
    }
  }

  private static func read(_ file: String) throws(PicoError) -> [[UInt8]] {
    let bytes: [UInt8]
    do throws(FileReadError) { bytes = try TextFile.readBytes(path: file, maximumSize: maximumFile) } catch {
      throw PicoError(.badConfiguration, "cluster.secret-file: \(file) \(error.reason)", side: .internal)
    }
    do throws(KeyFault) { return try secrets(bytes) } catch {
      throw PicoError(.badConfiguration, "cluster.secret-file: \(file) \(error)", side: .internal)
    }
  }

  /// Of a file of printable characters each line that is not empty; any other file is one secret.
  static func secrets(_ bytes: [UInt8]) throws(KeyFault) -> [[UInt8]] {
    let isText = bytes.allSatisfy { 0x20..<0x7F ~= $0 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    guard isText else { return [try SecretBytes.read(bytes)] }
    var secrets: [[UInt8]] = []
    for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) { secrets.append(try SecretBytes.read(Array(line))) }
    guard !secrets.isEmpty else { throw .shortSecret(bytes: 0) }
    guard secrets.count <= maximumCount else { throw .tooManySecrets(limit: maximumCount) }
    return secrets
  }
}

extension LinkIntroduction {
  /// What the acceptor answers: a proof for each secret that it has, in hexadecimal, with commas between.
  func proofs(of side: Side, secrets: [[UInt8]]) -> String {
    secrets.map { Hexadecimal.text(proof(of: side, secret: $0)) }.joined(separator: ",")
  }

  /// The first of the secrets that one of such proofs is of; nil when none is.
  func secret(provedBy proofs: String, of side: Side, among secrets: [[UInt8]]) -> [UInt8]? {
    let proofs = proofs.split(separator: ",").prefix(LinkSecrets.maximumCount).compactMap { Hexadecimal.bytes(String($0)) }
    return secrets.first { secret in proofs.contains { isProof($0, of: side, secret: secret) } }
  }
}
