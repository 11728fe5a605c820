internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// The members of an etcd cluster on loopback, each a process with data of its own in a stage's directory. They end with the stage.
package final class EtcdServers: Sendable {
  package struct TLS: Sendable {
    package var credentials: TestAuthority.Credentials
    /// Clients need a certificate of this authority.
    package var clientAuthority: String

    package init(_ credentials: TestAuthority.Credentials, clientAuthority: String) {
      self.credentials = credentials
      self.clientAuthority = clientAuthority
    }
  }

  private struct Member: Sendable {
    var port: Int
    var peerPort: Int
    var process: ChildProcess?
  }

  private let stage: Stage
  private let tls: TLS?
  private let members: Mutex<[Member]>

  /// Starts `count` members and waits until they have a leader.
  package init(_ count: Int = 1, tls: TLS? = nil, on stage: Stage) async throws {
    self.stage = stage
    self.tls = tls
    members = Mutex((0..<count).map { _ in Member(port: freePort(), peerPort: freePort()) })
    for index in 0..<count { try start(index) }
    try await ready()
  }

  package var ports: [Int] { members.withLock { $0.map(\.port) } }

  /// Starts a member that does not run, on the data that it has.
  package func start(_ index: Int) throws {
    let members = members.withLock { $0 }
    let member = members[index]
    let scheme = tls == nil ? "http" : "https"
    let peers = members.enumerated().map { "m\($0.offset)=http://127.0.0.1:\($0.element.peerPort)" }
    var command = [
      "etcd", "--name", "m\(index)", "--data-dir", stage.directory.path("etcd-\(member.port)"),
      "--listen-client-urls", "\(scheme)://127.0.0.1:\(member.port)", "--advertise-client-urls", "\(scheme)://127.0.0.1:\(member.port)",
      "--listen-peer-urls", "http://127.0.0.1:\(member.peerPort)", "--initial-advertise-peer-urls", "http://127.0.0.1:\(member.peerPort)",
      "--initial-cluster", peers.joined(separator: ","), "--heartbeat-interval", "100", "--election-timeout", "1000", "--logger", "zap",
    ]
    if let tls {
      command += [
        "--cert-file", tls.credentials.certificate, "--key-file", tls.credentials.key, "--client-cert-auth", "--trusted-ca-file",
        tls.clientAuthority,
      ]
    }
    // On architectures that etcd's authors do not test, it starts only if told that this is known.
    let process = try stage.start("etcd\(index)", command, environment: ["ETCD_UNSUPPORTED_ARCH": Self.architecture])
    self.members.withLock { $0[index].process = process }
  }

  private static var architecture: String {
    #if arch(arm64)
      "arm64"
    #else
      ""
    #endif
  }

  /// Waits until every running member has a leader.
  package func ready() async throws {
    for member in members.withLock({ $0 }) {
      guard let process = member.process, process.isRunning else { continue }
      try await eventually("etcd on port \(member.port): \(process.errorOutput.suffix(600))", within: 30) {
        guard process.isRunning else { throw ProgramEnded(name: "etcd", code: process.exitCode ?? -1, said: process.errorOutput) }
        // It accepts before it has a leader, and tells of that one in its log.
        return process.errorOutput.contains("serving client traffic") && accepts(member.port)
      }
    }
  }

  package func send(_ signal: Int32, to index: Int) { process(index)?.send(signal) }

  /// SIGKILL.
  package func kill(_ index: Int) { process(index)?.end() }

  /// Kills every member, removes their data and starts them anew.
  package func wipe() async throws {
    for (index, port) in ports.enumerated() {
      kill(index)
      _ = try await stage.run("rm", ["rm", "-rf", stage.directory.path("etcd-\(port)")])
    }
    for index in ports.indices { try start(index) }
    try await ready()
  }

  /// Calls etcd's own JSON gateway, for what the client has no call for, and returns the answer.
  @discardableResult
  package func call(_ path: String, _ json: String, token: String? = nil, at index: Int = 0) async throws -> String {
    let url = "http://127.0.0.1:\(ports[index])/v3/\(path)"
    let header = token.map { ["-H", "Authorization: \($0)"] } ?? []
    let done = try await stage.run("curl", ["curl", "-sS", "--fail-with-body", "-X", "POST", url, "-d", json] + header)
    guard done.code == 0 else { throw ProgramEnded(name: "curl \(path)", code: done.code, said: done.output + done.error) }
    return done.output
  }

  /// Throws away what is older than the revision.
  package func compact(to revision: Int64) async throws {
    try await call("kv/compaction", #"{"revision": "\#(revision)", "physical": true}"#)
  }

  /// The index of the member that leads.
  package func leader() async throws -> Int {
    for index in ports.indices where process(index)?.isRunning == true {
      let status = try await call("maintenance/status", "{}", at: index)
      if let leader = Self.number("leader", in: status), leader == Self.number("member_id", in: status) { return index }
    }
    throw DeadlinePassed(what: "a leader", seconds: 0)
  }

  private static func number(_ name: String, in json: String) -> Substring? {
    guard let range = json.split(separator: "\"\(name)\":\"", maxSplits: 1).dropFirst().first else { return nil }
    return range.prefix { $0 != "\"" }
  }

  private func process(_ index: Int) -> ChildProcess? { members.withLock { $0[index].process } }
}

extension EtcdServers {
  /// Makes the cluster ask for users: `pico` with the password `secret`, who may read and write what begins with `prefix`, and `root`.
  package func enableUsers(prefix: String) async throws {
    try await call("auth/user/add", #"{"name": "root", "password": "root"}"#)
    try await call("auth/role/add", #"{"name": "root"}"#)
    try await call("auth/user/grant", #"{"user": "root", "role": "root"}"#)
    try await call("auth/user/add", #"{"name": "pico", "password": "secret"}"#)
    try await call("auth/role/add", #"{"name": "routes"}"#)
    let end = prefix.dropLast() + [Character(UnicodeScalar(prefix.utf8.last! + 1))]
    let permission = #"{"permType": "READWRITE", "key": "\#(Self.base64(prefix))", "range_end": "\#(Self.base64(String(end)))"}"#
    try await call("auth/role/grant", #"{"name": "routes", "perm": \#(permission)}"#)
    try await call("auth/user/grant", #"{"user": "pico", "role": "routes"}"#)
    try await call("auth/enable", "{}")
  }

  private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
}
