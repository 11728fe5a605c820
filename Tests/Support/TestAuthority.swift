internal import Glibc
internal import Synchronization

/// A certificate authority of a test's own, made by the openssl command line. Its files live as long as its directory.
package struct TestAuthority: Sendable {
  /// Two PEM files.
  package struct Credentials: Sendable {
    package let certificate: String
    package let key: String
  }

  /// The PEM file of its own certificate.
  package var file: String { own.certificate }
  /// The PEM file of its key.
  package var keyFile: String { own.key }
  private let own: Credentials
  private let directory: TemporaryDirectory

  private static let numbers = Atomic<Int>(0)
  private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  private static let newRSAKey = ["-newkey", "rsa:2048", "-nodes"]

  package init(_ name: String = "Pico test authority", in directory: TemporaryDirectory) throws {
    self.directory = directory
    own = Self.next(in: directory)
    try Self.openssl(
      ["req", "-x509"] + Self.newKey + ["-keyout", own.key, "-out", own.certificate, "-days", "30", "-subj", "/CN=\(name)"], in: directory)
  }

  /// A certificate for these names, as openssl writes them: `DNS:localhost,IP:127.0.0.1,URI:spiffe://a/b`. With -1 days it has expired.
  /// - Parameters:
  ///   - purpose: what alone it is for: `serverAuth`, `clientAuth`.
  ///   - isRSA: its key is of RSA, not of an elliptic curve.
  package func issue(
    _ name: String, for names: String? = "DNS:localhost,IP:127.0.0.1", days: Int = 30, purpose: String? = nil, isRSA: Bool = false
  ) throws -> Credentials {
    let made = Self.next(in: directory)
    let request = "\(made.certificate).csr"
    let extensions = try directory.write(
      "\(Self.numbers.wrappingAdd(1, ordering: .relaxed).newValue).ext",
      "basicConstraints=critical,CA:FALSE\n" + (names.map { "subjectAltName=\($0)\n" } ?? "")
        + (purpose.map { "extendedKeyUsage=\($0)\n" } ?? ""))
    let newKey = isRSA ? Self.newRSAKey : Self.newKey
    try Self.openssl(["req"] + newKey + ["-keyout", made.key, "-out", request, "-subj", "/CN=\(name)"], in: directory)
    try Self.openssl(
      [
        "x509", "-req", "-in", request, "-CA", own.certificate, "-CAkey", own.key, "-CAcreateserial", "-days", "\(days)", "-extfile",
        extensions, "-out", made.certificate,
      ], in: directory)
    return made
  }

  private static func next(in directory: TemporaryDirectory) -> Credentials {
    let number = numbers.wrappingAdd(1, ordering: .relaxed).newValue
    return Credentials(certificate: directory.path("\(number).pem"), key: directory.path("\(number).key"))
  }

  private static func openssl(_ arguments: [String], in directory: TemporaryDirectory) throws {
    let log = directory.path("openssl.log")
    let pid = try spawn(["openssl"] + arguments, output: log, error: log, workingDirectory: directory.path, environment: [:])
    var status: Int32 = 0
    // Writes one integer that lives through the call.
    while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else { throw ProgramEnded(name: "openssl", code: status, said: readFile(log)) }
  }
}
