import Support
import Testing

extension SystemTests {
  @Suite struct Transparency {
    @Test(arguments: [
      "method path and query unchanged", "header order case and duplicates kept", "hop by hop and reserved headers removed",
      "request id kept or made", "body with length", "body chunked", "trailers up", "continue is the upstreams",
      "early final response relayed", "absolute form", "options asterisk", "pipelining", "http 1 0",
    ]) func `a request reaches the upstream as it was sent`(_ check: String) async throws {
      try await Deployment.shared.value.check(check)
    }

    @Test(arguments: [
      "response headers kept and stripped", "chunked response with trailer", "close delimited response becomes chunked", "head has no body",
      "no content and not modified", "statuses pass", "early hints", "large response", "events as they come",
      "keep alive reuses the connection",
    ]) func `a response reaches the client as it was sent`(_ check: String) async throws {
      try await Deployment.shared.value.check(check)
    }

    @Test func `an upgraded connection carries bytes both ways and half-closes`() async throws {
      try await Deployment.shared.value.check("upgrade with half close")
    }

    @Test func `a WebSocket client and server talk through it`() async throws {
      let deployment = try await Deployment.shared.value
      let port = freePort()
      try await deployment.stage.serve("websocket", [Stage.python, client("websocket_upstream.py"), "\(port)"], port: port)
      let agent = try await deployment.agent("chat", "127.0.0.1:\(port)")
      try await deployment.check("websocket text binary and close", endpoint: "chat")
      agent.end()
    }

    @Test(arguments: ["truncation is visible", "vanishing client harms nobody", "slow reader slows nobody", "many at once"])
    func `what goes wrong with one request stays with it`(_ check: String) async throws {
      try await Deployment.shared.value.check(check)
    }

    @Test func `curl downloads and uploads through it`() async throws {
      let deployment = try await Deployment.shared.value
      let file = try deployment.stage.directory.write("upload", String(repeating: "0123456789", count: 300_000))
      let up = try await deployment.stage.run(
        "curl", ["curl", "-sS", "--fail", "-H", "x-pico-endpoint: test", "-T", file, "http://127.0.0.1:\(deployment.port)/echo"])
      #expect(up.code == 0 && up.output.contains("\"length\": 3000000"), "\(up.error) \(up.output)")
      let down = try await deployment.stage.run(
        "curl",
        [
          "curl", "-sS", "-w", "%{http_code} %{size_download}", "-o", "/dev/null", "-H", "x-pico-endpoint: test",
          "http://127.0.0.1:\(deployment.port)/large/12345678",
        ])
      #expect(down.output == "200 12345678")
    }

    @Test func `nginx behind it answers wrk without an error`() async throws {
      let deployment = try await Deployment.shared.value
      let port = freePort()
      let folder = deployment.stage.directory.path
      let config = try deployment.stage.directory.write(
        "nginx.conf",
        """
        daemon off; master_process off; pid \(folder)/nginx.pid; error_log \(folder)/nginx.log;
        events { worker_connections 512; }
        http {
          access_log off; client_body_temp_path \(folder)/b; proxy_temp_path \(folder)/p; fastcgi_temp_path \(folder)/f;
          uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
          server { listen 127.0.0.1:\(port); location / { return 200 "from nginx"; } }
        }
        """)
      let path = ["PATH": "\(environmentVariable("PATH") ?? ""):/usr/sbin"]
      try await deployment.stage.serve(
        "nginx", ["nginx", "-p", folder, "-e", "\(folder)/nginx.log", "-c", config], port: port, environment: path)
      let agent = try await deployment.agent("nginx", "\(port)")
      let wrk = try await deployment.stage.run(
        "wrk", ["wrk", "-t1", "-c32", "-d2s", "-H", "x-pico-endpoint: nginx", "http://127.0.0.1:\(deployment.port)/"])
      #expect(
        wrk.output.contains("requests in") && !wrk.output.contains("Non-2xx") && !wrk.output.contains("Socket errors"), "\(wrk.output)")
      agent.end()
    }
  }
}
