import Support
import Testing

extension SystemTests {
  @Suite struct SecurityPage {
    /// All commands of docs/security.md in one shell, in a network of their own: the ports are those of the text. Behind what stays running
    /// it waits until that serves.
    @Test func `its commands do what it says, in their order`() async throws {
      let page = readFile("\(Stage.root)/docs/security.md")
      var script = [String](
        """
        python3 - <<'PYTHON'
        import fcntl, socket, struct
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            fcntl.ioctl(link, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
        PYTHON
        until_true() { for _ in $(seq 400); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; echo "never: $*" >&2; }
        started=
        trap 'kill $started' EXIT
        """.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
      var isCommand = false
      for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
        if line.hasPrefix("```") {
          isCommand = line == "```sh"
        } else if isCommand {
          script.append(line)
          guard line.hasSuffix(" &") else { continue }
          script.append("started=\"$started $!\"")
          if line.hasPrefix("pico server") { script.append("until_true curl -sf http://localhost:8081/ready") }
          if line.hasPrefix("python3") { script.append("until_true curl -sf http://localhost:3000") }
          if line.hasPrefix("pico agent") {
            script.append("until_true sh -c 'curl -s http://localhost:8081/metrics | grep -q \"^pico_listeners 1\"'")
          }
        }
      }
      #expect(script.count > 30)
      let stage = try Stage()
      let file = try stage.directory.write("page.sh", script.joined(separator: "\n") + "\n")
      let folder = Stage.pico.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      let path = "\(folder):\(environmentVariable("PATH") ?? "/usr/bin:/bin")"
      let result = try await stage.run("page", ["unshare", "--net", "sh", file], within: 90, environment: ["PATH": path])
      for part in [
        "good: signed with a key of agents.pem", "Directory listing for /", "my-endpoint-123", "{\"error\":\"missing token\"}",
        "exit code 77",
      ] {
        #expect(result.output.contains(part), "\(part): \(result)")
      }
      #expect(result.error.contains("it wants a token (--token-file)") && !result.error.contains("never:"), "\(result.error)")
    }
  }
}
