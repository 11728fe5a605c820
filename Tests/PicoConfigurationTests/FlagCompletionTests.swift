import PicoAgent
import PicoServer
import Testing

@testable import PicoConfiguration

@Suite struct FlagCompletionTests {
  private func value(_ name: String) throws -> FlagCompletion.Value {
    let flags = ServerConfiguration.schema.flagCompletions + AgentConfiguration.flagCompletions
    return try #require(flags.first { $0.names.contains(name) }, "no \(name)").value
  }

  @Test func `what may stand behind a flag follows from its key`() throws {
    #expect(try value("--log.format") == .word(["text", "json"]))
    #expect(try value("--proxy.endpoint-from") == .words(["header", "host"]))
    #expect(try value("--proxy.http2") == .boolean(orFile: false))
    #expect(try value("--proxy.access-log") == .boolean(orFile: true))
    #expect(try value("--proxy.auth.jwks") == .file)
    #expect(try value("--proxy.listen") == .free("address"))
    #expect(try value("--cluster.name") == .free("text"))
    #expect(try value("--config") == .file)
    #expect(try value("--help") == .none)
  }

  @Test func `every text that is the path of a file is completed as one, and no other`() throws {
    for key in ServerConfiguration.schema.descriptions + AgentConfiguration.schema.descriptions + ListenerConfiguration.schema.descriptions
    where ["text", "list of text"].contains(key.kind) {
      let namesFile = ["A PEM file", "PEM files", "A file", "Files"].contains { key.summary.hasPrefix($0) }
      #expect((key.completion == .file) == namesFile, "\(key.name): \(key.summary)")
    }
  }

  @Test func `shorter names stand beside the key's, and what only a file can give is no flag`() throws {
    let flags = AgentConfiguration.flagCompletions
    #expect(flags.contains { $0.names == ["--server", "--server.url"] })
    #expect(flags.contains { $0.names == ["--pool-size"] })
    #expect(!flags.contains { $0.names.contains("--listeners") })
    #expect(flags.filter(\.isRepeatable).flatMap(\.names) == ["--agent.metadata"])
  }

  @Test func `a script that is not as the parser's was is refused`() {
    let script = CompletionScript(commands: [.init(name: "server", flags: [], isChecked: true)])
    #expect(script.bash("_pico() {\n}\n") == nil)
    #expect(script.zsh("") == nil)
    #expect(script.fish("complete -c 'pico' -f\n") == nil)
  }

  @Test func `one function of a script is replaced`() {
    let script = "a() {\n  one\n}\n\nb() {\n  two\n}\n"
    #expect(CompletionScript.replaceFunction("a", in: script, with: "a() {\n}") == "a() {\n}\n\nb() {\n  two\n}\n")
    #expect(CompletionScript.replaceFunction("c", in: script, with: "") == nil)
  }

  @Test func `quotes in a summary do not end a word`() {
    #expect(CompletionScript.quoted("the host's") == "'the host'\\''s'")
    #expect(CompletionScript.quoted("the host's", quote: "\\'") == "'the host\\'s'")
  }
}
