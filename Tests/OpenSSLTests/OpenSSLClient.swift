import COpenSSL
import Glibc
import Support

/// A client that encrypts with the system's OpenSSL, which is nothing like what the node encrypts with. It sends exactly what it is told to.
/// Its pointers are its own and live as long as it does.
@safe final class OpenSSLClient {
  struct Options {
    /// Lowest and highest.
    var versions = (TLS1_2_VERSION, TLS1_3_VERSION)
    /// Of TLS 1.2, as OpenSSL writes them.
    var ciphers = "DEFAULT"
    /// For ALPN.
    var protocols = ["http/1.1"]
    /// For SNI.
    var name: String? = "localhost"
    /// PEM file.
    var authority: String?
    var shown: TestAuthority.Credentials?
    var resumes: Session?
  }

  /// What a client may resume a connection with.
  @safe final class Session {
    fileprivate let pointer: OpaquePointer
    fileprivate init(_ pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }
    deinit { unsafe SSL_SESSION_free(pointer) }

    var isResumable: Bool { unsafe SSL_SESSION_is_resumable(pointer) == 1 }
  }

  /// How the other side ended.
  enum End: Equatable {
    /// With TLS's last word.
    case whole
    /// An alert, or the end of the socket alone, in OpenSSL's words.
    case fault(String)
  }

  private let descriptor: CInt
  private let connection: OpaquePointer
  private(set) var received: [UInt8] = []
  private(set) var end: End?

  var text: String { String(decoding: received, as: UTF8.self) }

  init(port: Int, _ options: Options) throws {
    // OpenSSL writes to its sockets without saying that a lost one shall be an error alone.
    signal(SIGPIPE, SIG_IGN)
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { throw Fault("no context") }
    defer { unsafe SSL_CTX_free(context) }
    // The lowest level: what is too weak shall be refused by the node, not by the client.
    guard unsafe pico_set_versions(context, options.versions.0, options.versions.1) == 1,
      unsafe SSL_CTX_set_cipher_list(context, options.ciphers + ":@SECLEVEL=0") == 1
    else { throw Fault("versions or ciphers: \(Self.reason())") }
    if let authority = options.authority {
      unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
      guard unsafe SSL_CTX_load_verify_file(context, authority) == 1 else { throw Fault("authority: \(Self.reason())") }
    }
    if let shown = options.shown {
      guard unsafe SSL_CTX_use_certificate_chain_file(context, shown.certificate) == 1,
        unsafe SSL_CTX_use_PrivateKey_file(context, shown.key, SSL_FILETYPE_PEM) == 1
      else { throw Fault("certificate: \(Self.reason())") }
    }
    let protocols = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !protocols.isEmpty { unsafe SSL_CTX_set_alpn_protos(context, protocols, CUnsignedInt(protocols.count)) }
    guard let connection = unsafe SSL_new(context) else { throw Fault("no connection") }
    descriptor = try LoopbackSocket.connect(port)
    unsafe self.connection = unsafe connection
    unsafe SSL_set_fd(connection, descriptor)
    if let name = options.name { unsafe pico_set_server_name(connection, name) }
    if let session = options.resumes, unsafe SSL_set_session(connection, session.pointer) != 1 { throw Fault("session: \(Self.reason())") }
    unsafe SSL_set_connect_state(connection)
  }

  deinit {
    unsafe SSL_free(connection)
    close(descriptor)
  }

  // MARK: What was agreed

  /// Such as `TLSv1.3`.
  var version: String { unsafe String(cString: SSL_get_version(connection)) }
  var cipher: String { unsafe SSL_CIPHER_get_name(SSL_get_current_cipher(connection)).map { unsafe String(cString: $0) } ?? "" }
  var isResumed: Bool { unsafe SSL_session_reused(connection) == 1 }
  /// By ALPN; empty without.
  var negotiated: String {
    var bytes: UnsafePointer<UInt8>?
    var count: CUnsignedInt = 0
    unsafe SSL_get0_alpn_selected(connection, &bytes, &count)
    return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
  }

  /// The subject of the node's certificate, such as `/CN=node`.
  var subject: String {
    guard let certificate = unsafe SSL_get1_peer_certificate(connection) else { return "" }
    defer { unsafe X509_free(certificate) }
    var text = [CChar](repeating: 0, count: 256)
    // Writes within the array and ends with a zero.
    unsafe X509_NAME_oneline(X509_get_subject_name(certificate), &text, CInt(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What the node gave last; in TLS 1.3 that comes behind the handshake, so ask once an answer was read.
  var session: Session? { unsafe SSL_get1_session(connection).map { unsafe Session($0) } }

  // MARK: Doing

  /// - Throws: ``Fault`` when it is refused. In TLS 1.3 a refused client certificate shows with the first bytes that are read.
  func handshake() async throws {
    try await eventually("a handshake", every: 1) { try step { unsafe SSL_do_handshake(connection) } != nil }
  }

  /// The first message of a handshake goes out, and no other: what the node answers meanwhile is not read.
  func startHandshake() throws {
    // Owned by the connection from here on. Without bytes it says that there will be more.
    unsafe SSL_set0_rbio(connection, BIO_new(BIO_s_mem()))
    _ = try step { unsafe SSL_do_handshake(connection) }
  }

  func send(_ text: String) async throws {
    let bytes = Array(text.utf8)
    try await eventually("room", every: 1) { try step { unsafe SSL_write(connection, bytes, CInt(bytes.count)) } != nil }
  }

  /// Reads until the text is as wanted. When the other side ends before, that is an error.
  func receive(_ what: String, until enough: (String) -> Bool) async throws {
    try await eventually("\(what); received \(text.suffix(200))", every: 1) {
      if enough(text) { return true }
      if let end = try read() { throw Fault("\(what): \(end) after \(text.suffix(200))") }
      return enough(text)
    }
  }

  /// Reads to the end.
  func receiveEnd() async throws -> End {
    try await eventually("the end; received \(text.suffix(200))", every: 1) { try read() != nil }
    return end ?? .whole
  }

  /// Sends a GET and reads its answer, which has to be `ok`.
  func get() async throws {
    let before = received.count
    try await send("GET / HTTP/1.1\r\nHost: e.example\r\n\r\n")
    try await receive("an answer") { $0.utf8.count > before && $0.hasSuffix("\r\n\r\nok") }
  }

  /// Handshakes and, if that holds, asks and reads: how the node says no, in OpenSSL's words. Nil if it says yes.
  func refusal() async throws -> String? {
    do {
      try await handshake()
      try await send("GET /pico/v1/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
    } catch let fault as Fault { return fault.description }
    try await eventually("an answer or an end", every: 1) { try read() != nil || !received.isEmpty }
    guard received.isEmpty, case .fault(let reason)? = end else { return nil }
    return reason
  }

  /// Says that nothing more comes; receiving goes on.
  func finish() {
    ERR_clear_error()
    unsafe SSL_shutdown(connection)
  }

  /// The sending side of the socket ends without TLS's last word.
  func cut() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Whether the node has ended the socket, whatever it said before.
  func isSocketEnded() -> Bool {
    var bytes = [UInt8](repeating: 0, count: 4096)
    while true {
      // Within the array.
      let count = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count > 0 { continue }
      return count == 0 || errno != EAGAIN
    }
  }

  // MARK: -

  /// How it ended, if it did; what can be read is.
  private func read() throws -> End? {
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    while end == nil {
      do {
        guard let count = try step({ unsafe SSL_read(connection, &bytes, CInt(bytes.count)) }) else { return nil }
        received += bytes[..<count]
      } catch { end = error.description.isEmpty ? .whole : .fault(error.description) }
    }
    return end
  }

  /// Nil: not now. The error queue is the thread's, so it is read before anybody else runs on it.
  private func step(_ body: () -> CInt) throws(Fault) -> Int? {
    ERR_clear_error()
    errno = 0
    let result = body()
    if result > 0 { return Int(result) }
    switch unsafe SSL_get_error(connection, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return nil
    case SSL_ERROR_ZERO_RETURN: throw Fault("")
    case SSL_ERROR_SYSCALL: throw Fault("system call failed: \(errno)")
    default: throw Fault(Self.reason())
    }
  }

  private static func reason() -> String {
    unsafe ERR_reason_error_string(ERR_peek_error()).map { unsafe String(cString: $0) } ?? "unknown"
  }

  struct Fault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }
}
