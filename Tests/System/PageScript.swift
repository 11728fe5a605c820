import Support
import Testing

/// The commands of a page of docs/ as one shell script, word for word and in their order. It runs in a network of its own: the ports are those
/// of the text. Behind what stays running it waits until that serves, as a reader does.
struct PageScript {
  private(set) var lines = [String](
    #"""
    python3 - <<'PYTHON'
    import fcntl, socket, struct
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        fcntl.ioctl(link, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
    PYTHON
    until_true() { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; echo "never: $*" >&2; }
    admin() { curl -sf "http://localhost:8081$1" || curl -sf --cacert ca.pem "https://localhost:8081$1"; }
    has_listener() { admin /metrics | grep -q "^pico_listeners 1"; }
    # What is for a terminal gets one, is left once it shows the endpoint, and has shown it.
    in_terminal() {
      rm -f keys screen; mkfifo keys
      script -qfec "$1" screen < keys > /dev/null & exec 3> keys
      until_true grep -q my-endpoint-123 screen
      printf q >&3; wait $!; echo "in the terminal: exit code $?"; exec 3>&-
    }
    started= pico=
    trap 'kill $started $pico' EXIT
    """#.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))

  /// - Parameter file: the name of a page, whose commands stand in blocks of `sh`.
  /// - Parameter isCluster: its servers stay, each on ports of its own.
  init(page file: String, isCluster: Bool = false) {
    self.isCluster = isCluster
    var isCommand = false
    for line in readFile("\(Stage.root)/docs/\(file)").split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      if line.hasPrefix("```") { isCommand = line == "```sh" } else if isCommand { add(line) }
    }
  }

  private let isCluster: Bool

  private mutating func add(_ line: String) {
    guard !line.hasPrefix("pico-top ") else { return lines.append("in_terminal '\(line)'") }
    // Another server takes the place of the one before, and of its agents.
    if line.hasPrefix("pico server"), !isCluster { lines.append("[ -z \"$pico\" ] || { kill $pico; wait $pico; pico=; }") }
    lines.append(line)
    guard line.hasSuffix(" &") else { return }
    switch line.split(separator: " ").prefix(2).joined(separator: " ") {
    case "pico server":
      let port = line.firstMatch(of: #/--admin.listen localhost:(\d+)/#).map { String($0.1) }
      lines += ["pico=\"$pico $!\"", port.map { "until_true curl -sf http://localhost:\($0)/ready" } ?? "until_true admin /ready"]
    case "etcd --data-dir": lines += ["started=\"$started $!\"", "until_true curl -sf http://localhost:2379/health"]
    case "pico agent": lines += ["pico=\"$pico $!\"", "until_true has_listener"]
    default: lines += ["started=\"$started $!\"", "until_true curl -sf http://localhost:3000"]
    }
  }

  func run(within seconds: Double = 90) async throws -> (output: String, error: String) {
    let stage = try Stage()
    let file = try stage.directory.write("page.sh", lines.joined(separator: "\n") + "\n")
    let folder = Stage.pico.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    let environment = ["PATH": "\(folder):\(environmentVariable("PATH") ?? "/usr/bin:/bin")", "TERM": "xterm-256color", "LANG": "C.UTF-8"]
    let result = try await stage.run("page", ["unshare", "--net", "sh", file], within: seconds, environment: environment)
    return (result.output, result.error)
  }
}
