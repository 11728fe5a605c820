/// The text of docs/configuration.md. A test holds the file to it; with `PICO_WRITE_DOCS=1` that test writes the file.
package enum ConfigurationDocument {
  /// `server` and `agent` are the tables of their schemas in Markdown.
  package static func text(server: String, agent: String) -> String {
    """
    # Configuration

    <!-- Written by ConfigurationDocument.swift from the schemas. Change those, then run:
         PICO_WRITE_DOCS=1 swift test --filter ConfigurationDocumentTests -->

    Every key has one name in three places: the flag `--proxy.head-timeout 5s`, the environment variable
    `PICO_PROXY_HEAD_TIMEOUT=5s`, and in a YAML file `proxy: {head-timeout: 5s}`. A flag counts above the environment, the
    environment above the file of `--config FILE`, the file above the default.

    ```yaml
    proxy:
      listen: localhost:8080
      timeout: 30s
      trusted-proxies: [10.0.0.0/8]
    log:
      level: info
    ```

    ## Values

    | kind | looks like |
    |---|---|
    | duration | `500ms` `10s` `1m` `1h`, or several: `1m30s`; `0` |
    | size | `64KiB` `1MiB` `2GiB`, or plain bytes: `512` |
    | address | `localhost:8080` (127.0.0.1 and ::1), `10.0.0.1:80`, `[::1]:80`, `:8080` (every interface) |
    | fraction | `0` to `1`: `0.01` |
    | boolean | `true` or `false`; a bare flag means true |
    | list | `[a, b]` in a file; with commas in a flag or variable: `a,b` |
    | address range | `10.0.0.0/8`, `fd00::/8`, `192.0.2.1` |
    | URL | `http://localhost:8080`, `https://pico.example.com` |

    ## Errors

    Unknown keys, values of a wrong kind and values that contradict each other end the start. All of them are reported at
    once, one line each, with the place: `pico.yaml:7: proxy.timeout: "10x" is not a duration (like 500ms, 10s, 1m)`. The exit
    code is 64 when the command line is wrong and 78 otherwise. `pico config check server FILE` and `pico config check agent
    FILE` only look, at the file alone or, with `--environment`, at `PICO_*` variables too. An unknown `PICO_*` variable is a warning; names that Kubernetes puts into pods for a service called
    `pico` (`PICO_PORT*`, `PICO_SERVICE_*`, `PICO_*_PORT*`, `PICO_*_SERVICE_HOST`) are ignored.

    No secret is ever a value: keys name the files that hold them. The one exception is the password of a proxy in
    `server.http-proxy`, which a flag cannot give.

    Keys with "yes" under reload are read again on SIGHUP; the log says what changed, and which changes need a restart. Files that
    hold keys of tokens are watched and read again by themselves, and so are certificates ([tls.md](tls.md#files-that-change)).

    ## Server

    A port that other machines can reach and that has no authentication ends the start unless `proxy.auth.allow-anonymous`,
    `upstream.auth.allow-anonymous` or `admin.auth.allow-anonymous` says that this is meant. A port with one of
    `*.auth.hmac-secret-file`, `*.auth.public-key-file` and `*.auth.jwks` takes nobody without a token;
    [security.md](security.md) shows how to set that up. Ports that share a key need audiences of their own.

    \(server)

    ## Agent

    `pico agent ENDPOINT UPSTREAM` is a configuration of one listener; the keys of a listener are then flags too
    (`--connections 4`, `--timeout 1m`). An upstream is `PORT`, `HOST:PORT`, `http://HOST[:PORT]`, `https://HOST[:PORT]`,
    `h2c://HOST[:PORT]`, `tcp://HOST:PORT` or `unix:/path`.

    ```yaml
    server:
      url: https://pico.example.com
      token-file: /run/secrets/pico-token
    listeners:
      - endpoint: my-endpoint-123
        upstream: localhost:3000
        connections: 2
        health: {path: /healthz, interval: 5s}
      - {endpoint: database, upstream: "tcp://10.0.0.5:5432"}
    ```

    \(agent)

    """
  }
}
