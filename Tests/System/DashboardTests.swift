import FoundationEssentials
import Support
import Testing

extension SystemTests {
  @Suite struct Dashboard {
    /// What of Grafana's format the dashboard uses.
    struct Board: Decodable {
      struct Source: Decodable, Equatable {
        var type: String
        var uid: String
      }
      struct Place: Decodable {
        var x: Int
        var y: Int
        var w: Int
        var h: Int
      }
      struct Target: Decodable {
        var refId: String
        var expr: String
        var datasource: Source
      }
      struct Panel: Decodable {
        var id: Int
        var type: String
        var title: String
        var description: String?
        var gridPos: Place
        var datasource: Source?
        var targets: [Target]?
      }
      struct Variable: Decodable {
        var name: String
        var type: String
        var definition: String?
      }
      struct Annotation: Decodable {
        var expr: String?
      }
      struct Variables: Decodable {
        var list: [Variable]
      }
      struct Annotations: Decodable {
        var list: [Annotation]
      }

      var uid: String
      var title: String
      var schemaVersion: Int
      var templating: Variables
      var annotations: Annotations
      var panels: [Panel]

      var targets: [Target] { panels.flatMap { $0.targets ?? [] } }
      /// All PromQL of it.
      var expressions: [String] {
        targets.map(\.expr) + annotations.list.compactMap(\.expr)
          + templating.list.compactMap { variable in
            // label_values(METRIC, label)
            variable.definition.flatMap { $0.firstMatch(of: #/^label_values\((.*), [a-z]+\)$/#).map { String($0.output.1) } }
          }
      }
    }

    static func read() throws -> Board {
      try JSONDecoder().decode(Board.self, from: Data(readFile("\(Stage.root)/docs/hosting/dashboards/pico.json").utf8))
    }

    @Test func `panels have names, places and sources of their own`() throws {
      let board = try Self.read()
      #expect(!board.uid.isEmpty && !board.title.isEmpty && board.schemaVersion >= 36)
      #expect(Set(board.panels.map(\.id)).count == board.panels.count)
      for (index, panel) in board.panels.enumerated() {
        let place = panel.gridPos
        #expect(place.x >= 0 && place.y >= 0 && place.w > 0 && place.h > 0 && place.x + place.w <= 24, "\(panel.title)")
        for other in board.panels[..<index] {
          let apart =
            place.x >= other.gridPos.x + other.gridPos.w || other.gridPos.x >= place.x + place.w
            || place.y >= other.gridPos.y + other.gridPos.h || other.gridPos.y >= place.y + place.h
          #expect(apart, "\(panel.title) lies on \(other.title)")
        }
        guard panel.type != "row" else { continue }
        let targets = panel.targets ?? []
        #expect(!targets.isEmpty && panel.description?.isEmpty == false, "\(panel.title)")
        #expect(Set(targets.map(\.refId)).count == targets.count, "\(panel.title)")
        let source = Board.Source(type: "prometheus", uid: "${datasource}")
        #expect(panel.datasource == source && targets.allSatisfy { $0.datasource == source }, "\(panel.title)")
      }
      let names = board.templating.list.map(\.name)
      #expect(["datasource", "job", "node"].allSatisfy(names.contains))
      for expression in board.expressions {
        let used = expression.replacing("$__rate_interval", with: "").matches(of: #/\$\{?([a-z_]+)/#).map { String($0.output.1) }
        #expect(used.allSatisfy(names.contains), "\(expression)")
      }
    }

    @Test func `every metric that it asks for is exposed`() async throws {
      let names = try await ObservedCluster.shared.value.names
      for expression in try Self.read().expressions {
        let asked = metricNames(in: expression)
        #expect(!asked.isEmpty && asked.isSubset(of: names), "\(asked.subtracting(names)) in \(expression)")
      }
    }

    @Test func `every error that a node knows has a side, and one`() async throws {
      let cluster = try await ObservedCluster.shared.value
      let sides = try Self.read().panels.first { $0.title == "Errors by side" }?.targets ?? []
      let codes = sides.flatMap { target -> [String] in
        target.expr.firstMatch(of: #/code=~"([^"]*)"/#)?.output.1.split(separator: "|").map(String.init) ?? []
      }
      let known = cluster.node.matches(of: #/pico_proxy_errors_total\{code="([a-z-]+)"\}/#).map { String($0.output.1) }
      #expect(known.count > 20 && codes.sorted() == known.sorted())
    }

    @Test func `Prometheus can read every query`() async throws {
      let stage = try Stage()
      let rules = try Self.read().expressions.enumerated().map { index, expression in
        let text = expression.replacing("$__rate_interval", with: "5m").replacing("'", with: "''")
        return "      - {record: 'query:\(index)', expr: '\(text)'}"
      }
      let file = try stage.directory.write("rules.yaml", (["groups:", "  - name: queries", "    rules:"] + rules).joined(separator: "\n"))
      let result = try await stage.run("promtool", ["promtool", "check", "rules", file])
      #expect(result.code == 0 && result.output.contains("\(rules.count) rules found"), "\(result)")
    }
  }
}
