"""What is measured side by side: one nginx origin, and each way to reach it."""

import os
import sys
import urllib.request

from processes import free_port, wait_until

GIBIBYTE = 1 << 30
ENDPOINT = "bench"

NGINX = """
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 16000; }}
http {{
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
{http}
}}
"""

ORIGIN = """
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {root};
    default_type application/octet-stream;
  }}
"""

# The response is passed on as it comes: no temporary file for a slow reader, no buffering of request bodies, as Pico does it.
PROXY = """
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 128; keepalive_requests 1000000000; }}
  upstream sink {{ server 127.0.0.1:{sink}; keepalive 16; }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_max_temp_file_size 0;
  proxy_request_buffering off;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://origin; }}
    location /sink {{ proxy_pass http://sink; }}
  }}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse safe
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend in
  bind 127.0.0.1:{port}
  use_backend sink if {{ path_beg /sink }}
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin}
backend sink
  server sink 127.0.0.1:{sink}
"""

SSHD = """
ListenAddress 127.0.0.1:{port}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/user_key.pub
PidFile {directory}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
"""


class Target:
    """A way to the origin: where requests go, and whose CPU time counts. With the file of an authority they go there over TLS."""

    def __init__(self, name, port, children, sink_port=None, headers=(), authority=None):
        self.name, self.port, self.children, self.headers = name, port, children, list(headers)
        self.sink_port = sink_port or port
        self.authority = authority

    @property
    def url(self):
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"

    def cpu(self):
        return sum(child.cpu() for child in self.children)


class Stands:
    """Starts each server the first time that a measurement asks for it."""

    def __init__(self, stage, pico, server_flags=(), agent_flags=()):
        self.stage, self.binary = stage, pico
        self.server_flags, self.agent_flags = list(server_flags), list(agent_flags)
        self.targets = {}
        self._origin = self._sink = None

    def nginx(self, name, port, http):
        directory = os.path.dirname(self.stage.path(name, "logs"))
        user = "user root;" if os.getuid() == 0 else ""
        config = self.stage.write(f"{name}/nginx.conf", NGINX.format(user=user, directory=directory, http=http))
        return self.stage.start(name, ["nginx", "-p", directory, "-e", f"{directory}/error.log", "-c", config], port)

    @property
    def origin(self):
        """The port of the origin; it serves /128, /64k and /1g."""
        if not self._origin:
            for name, size in (("128", 128), ("64k", 1 << 16)):
                with open(self.stage.path("root", name), "wb") as file:
                    file.write((b"0123456789abcdef" * (size // 16)))
            with open(self.stage.path("root", "1g"), "wb") as file:
                file.truncate(GIBIBYTE)
            port = free_port()
            self.nginx("origin", port, ORIGIN.format(port=port, root=self.stage.path("root")))
            self._origin = port
        return self._origin

    @property
    def sink(self):
        if not self._sink:
            port = free_port()
            script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sink.py")
            self.stage.start("sink", [sys.executable, script, port], port)
            self._sink = port
        return self._sink

    def target(self, name):
        if name not in self.targets:
            self.targets[name] = getattr(self, f"start_{name}")()
        return self.targets[name]

    def start_nginx(self):
        port = free_port()
        child = self.nginx("proxy", port, PROXY.format(port=port, origin=self.origin, sink=self.sink))
        return Target("nginx", port, [child])

    def start_haproxy(self):
        port = free_port()
        config = self.stage.write("haproxy.cfg", HAPROXY.format(port=port, origin=self.origin, sink=self.sink))
        return Target("haproxy", port, [self.stage.start("haproxy", ["haproxy", "-db", "-f", config], port)])

    def start_ssh(self):
        port, forwarded, forwarded_sink = free_port(), free_port(), free_port()
        origin, sink = self.origin, self.sink
        directory = os.path.dirname(self.stage.path("ssh", "sshd_config"))
        for key in ("host_key", "user_key"):
            self.stage.start("ssh-keygen", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{directory}/{key}"]).process.wait(20)
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        config = self.stage.write("ssh/sshd_config", SSHD.format(port=port, directory=directory))
        server = self.stage.start("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", config], port)
        client = self.stage.start("ssh", [
            "ssh", "-F", "/dev/null", "-N", "-i", f"{directory}/user_key", "-p", port, "-o", "StrictHostKeyChecking=no",
            "-o", f"UserKnownHostsFile={directory}/known_hosts", "-o", "ExitOnForwardFailure=yes", "-o", "IdentitiesOnly=yes",
            "-R", f"127.0.0.1:{forwarded}:127.0.0.1:{origin}", "-R", f"127.0.0.1:{forwarded_sink}:127.0.0.1:{sink}", "127.0.0.1",
        ], forwarded)
        return Target("ssh", forwarded, [server, client], sink_port=forwarded_sink)

    def pico_server(self, name="pico-server", environment=None, flags=()):
        """A server: (process, proxy port, admin port)."""
        port, admin = free_port(), free_port()
        child = self.stage.start(
            name, [self.binary, "server", "--proxy.listen", f"127.0.0.1:{port}", "--admin.listen", f"127.0.0.1:{admin}", *self.server_flags,
             *flags],
            port, environment)
        return child, port, admin

    def pico_agent(self, port, upstreams, environment=None):
        """An agent for {endpoint: upstream}, more than one from a file."""
        if len(upstreams) == 1:
            (endpoint, upstream), = upstreams.items()
            words = [endpoint, upstream, "--server", f"http://127.0.0.1:{port}"]
        else:
            lines = [f"server:\n  url: http://127.0.0.1:{port}\nlisteners:"]
            lines += [f"  - {{endpoint: {endpoint}, upstream: \"{upstream}\"}}" for endpoint, upstream in upstreams.items()]
            words = ["--config", self.stage.write(f"agent-{len(self.stage.children)}.yaml", "\n".join(lines) + "\n")]
        return self.stage.start("pico-agent", [self.binary, "agent", *words, *self.agent_flags], environment=environment)

    def pico(self, environment=None):
        """A server and an agent with the endpoints of the measurements: a target."""
        environment = environment or (lambda role: None)
        server, port, admin = self.pico_server(environment=environment("server"))
        agent = self.pico_agent(port, {ENDPOINT: f"127.0.0.1:{self.origin}", "sink": f"127.0.0.1:{self.sink}"}, environment("agent"))
        wait_until("the agent's listeners", lambda: not agent.alive() or listeners(admin) >= 2)
        if not agent.alive():
            raise SystemExit(f"pico agent ended:\n{agent.log()[-2000:]}")
        return Target("pico", port, [server, agent], headers=[f"x-pico-endpoint: {ENDPOINT}"])

    def start_pico(self):
        return self.pico()


def listeners(admin):
    """The listeners that a node counts in its metrics."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith(("pico_listeners ", "pico_listeners{"))))
