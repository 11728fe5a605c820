import Glibc
import Support
import Testing

extension SystemTests {
  @Suite(.timeLimit(.minutes(10))) struct Packages {
    static let isRoot = geteuid() == 0

    /// A machine with dpkg and apt of which a copy can be made in memory.
    static func canCopyMachine() async throws -> Bool {
      guard isRoot else { return false }
      return try await Stage().run("probe", ["unshare", "--mount", client("packages.sh"), "probe"]).code == 0
    }

    /// Makes both packages of the binaries under test.
    private func make(_ revision: Int, into folder: String, on stage: Stage) async throws {
      let command = [
        "\(Stage.root)/docs/hosting/package", "--pico", Stage.pico, "--pico-top", Stage.picoTop, "--output", folder, "--revision",
        "\(revision)", "--compression", "none",
      ]
      let result = try await stage.run("package", command, within: 240, environment: ["SOURCE_DATE_EPOCH": "1700000000"])
      #expect(result.code == 0 && result.output.split(separator: "\n").count == 2, "\(result)")
    }

    @Test(
      .enabled("needs root, dpkg and apt, and an overlay file system: nothing is installed on the machine itself") {
        try await canCopyMachine()
      })
    func `the packages are installed, upgraded, removed and purged without a trace`() async throws {
      let stage = try Stage()
      let folders = ["old", "new"].map(stage.directory.path)
      for (index, folder) in folders.enumerated() { try await make(index + 1, into: folder, on: stage) }
      let result = try await stage.run(
        "packages", ["unshare", "--mount", "--pid", "--fork", client("packages.sh"), "test"] + folders, within: 300)
      #expect(result.code == 0 && result.output.hasSuffix("done\n"), "\(result)")
      // The same again is the same package.
      try await make(1, into: stage.directory.path("again"), on: stage)
      let same = try await stage.run("diff", ["diff", "-r", folders[0], stage.directory.path("again")])
      #expect(same.code == 0, "\(same)")
    }
  }
}
