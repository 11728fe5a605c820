import Support
import Testing

extension SystemTests {
  @Suite struct Alerts {
    struct Alert {
      var name: String
      /// Its lines in the file.
      var text: String
    }

    static let folder = "\(Stage.root)/docs/hosting/alerts"

    static func read() -> [Alert] {
      var alerts: [Alert] = []
      for line in readFile("\(folder)/pico.yaml").split(separator: "\n").map(String.init) {
        if let name = line.firstMatch(of: #/- alert: (\w+)/#)?.output.1 {
          alerts.append(Alert(name: String(name), text: ""))
        } else if line.contains("- name:") {
          continue
        } else if !alerts.isEmpty {
          alerts[alerts.count - 1].text += line + "\n"
        }
      }
      return alerts
    }

    /// Of operations.md, by its heading.
    static func section(_ name: String) -> Substring? {
      let page = readFile("\(Stage.root)/docs/operations.md")
      guard let start = page.firstRange(of: "\n### \(name)\n") else { return nil }
      let rest = page[start.upperBound...]
      return rest.firstRange(of: "\n##").map { rest[..<$0.lowerBound] } ?? rest
    }

    @Test func `promtool accepts the rules, and their tests pass`() async throws {
      let stage = try Stage()
      let check = try await stage.run("promtool", ["promtool", "check", "rules", "\(Self.folder)/pico.yaml"])
      #expect(check.code == 0 && check.output.contains("\(Self.read().count) rules found"), "\(check)")
      let tests = try await stage.run("promtool", ["promtool", "test", "rules", "\(Self.folder)/tests.yaml"])
      #expect(tests.code == 0, "\(tests)")
    }

    @Test func `every alert says how bad it is, what it means and where to read on, and has a test`() {
      let alerts = Self.read()
      #expect(alerts.count > 20 && Set(alerts.map(\.name)).count == alerts.count)
      let tests = readFile("\(Self.folder)/tests.yaml")
      for alert in alerts {
        #expect(alert.text.contains(#/severity: (page|ticket)\}/#), "\(alert.name)")
        for annotation in ["summary", "description"] { #expect(alert.text.contains("\n          \(annotation): \""), "\(alert.name)") }
        #expect(alert.text.contains("runbook_url: docs/operations.md#\(alert.name.lowercased())\n"), "\(alert.name)")
        #expect(tests.contains("alertname=\"\(alert.name)\""), "\(alert.name) has no test")
      }
    }

    @Test func `every alert has a runbook, and every runbook an alert`() {
      let alerts = Self.read()
      for alert in alerts {
        let text = Self.section(alert.name) ?? ""
        for part in ["**Means**", "**Look**", "**Do**"] { #expect(text.contains(part), "\(alert.name) \(part)") }
      }
      let headings = readFile("\(Stage.root)/docs/operations.md").matches(of: #/\n### (Pico\w+)\n/#).map { String($0.output.1) }
      #expect(headings.sorted() == alerts.map(\.name).sorted())
    }

    @Test func `every metric of ours that an alert or a runbook asks for is exposed`() async throws {
      let names = try await ObservedCluster.shared.value.names
      for alert in Self.read() {
        let asked = metricNames(in: alert.text)
        #expect(asked.isSubset(of: names), "\(alert.name): \(asked.subtracting(names))")
      }
      let families = Set(names.map { $0.replacing(#/_(bucket|sum|count)$/#, with: "") }).union(names)
      for page in ["operations.md", "troubleshooting.md", "limits.md", "tls.md", "cluster.md"] {
        let asked = Set(
          readFile("\(Stage.root)/docs/\(page)").matches(of: #/`((?:pico|process)_[a-z_]+)/#).map { String($0.output.1) })
        #expect(asked.isSubset(of: families), "\(page): \(asked.subtracting(families))")
      }
    }
  }
}
