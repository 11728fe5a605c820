"""A cluster in a network of its own: etcd and nodes each at an address that can be cut off, HAProxy in front, agents."""

import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from network import Network, end_with_parent

PROXY, ADMIN, LINK = 8080, 8081, 8082
FRONT, SERVICE = 8000, 3000

HAPROXY = """
global
  maxconn 9000
defaults
  mode http
  timeout connect 1s
  timeout client 120s
  timeout server 35s
  timeout tunnel 1h
  timeout check 500ms
  option redispatch
  option allbackups
  retries 3
frontend all
  bind {front}
  http-response set-header x-ingress %s
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /pico/v1/ready
  http-check send hdr Host ready
  default-server check inter 200ms fall 2 rise 1
{servers}
"""


def fetch(url, body=None, timeout=2):
    with urllib.request.urlopen(url, data=body and json.dumps(body).encode(), timeout=timeout) as answer:
        return answer.read().decode()


def until(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"never: {what}")


class Process:
    def __init__(self, command, log, environment=None):
        self.log = log
        self.child = subprocess.Popen(
            command, stdout=open(log, "ab"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})},
            preexec_fn=end_with_parent)

    def send(self, number):
        self.child.send_signal(number)

    @property
    def is_alive(self):
        return self.child.poll() is None

    @property
    def cpu(self):
        """Seconds of all threads so far."""
        total = 0
        for task in os.listdir(f"/proc/{self.child.pid}/task"):
            with open(f"/proc/{self.child.pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    @property
    def resident(self):
        with open(f"/proc/{self.child.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def end(self):
        if self.is_alive:
            self.child.send_signal(signal.SIGCONT)
            self.child.kill()
        self.child.wait()


class Node:
    def __init__(self, stand, index):
        self.stand, self.index = stand, index
        self.place = stand.network.place(f"node{index}", 11 + index)
        self.address = self.place.address
        self.process = None

    def start(self, environment=None):
        folder = self.stand.folder
        self.process = Process(
            self.place.prefix
            + [self.stand.pico, "server", "--proxy.listen", f"{self.address}:{PROXY}", "--admin.listen", f"{self.address}:{ADMIN}",
               "--cluster.listen", f"{self.address}:{LINK}", "--cluster.etcd", ",".join(member.url for member in self.stand.etcd),
               "--cluster.name", "faults", "--cluster.secret-file", f"{folder}/secret", "--cluster.tls.cert", f"{folder}/node.pem",
               "--cluster.tls.key", f"{folder}/node.key", "--cluster.tls.client-ca", f"{folder}/node.pem", "--cluster.tls.server-name", "node",
               "--proxy.auth.allow-anonymous", "true", "--upstream.auth.allow-anonymous", "true", "--admin.auth.allow-anonymous", "true",
               "--drain-delay", "1s", "--grace-period", "20s", "--cluster.lease-ttl", "5s", "--log.format", "json"] + self.stand.flags,
            f"{folder}/node{self.index}.log", environment)

    @property
    def is_running(self):
        return self.process is not None and self.process.is_alive

    def is_ready(self):
        return "ready" in fetch(f"http://{self.address}:{ADMIN}/ready")

    def metric(self, name):
        """The value of a metric, with its labels if it has any; 0 where it is not there."""
        for line in fetch(f"http://{self.address}:{ADMIN}/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return 0

    def status(self, endpoint):
        """What a request to this node itself gets."""
        request = urllib.request.Request(f"http://{self.address}:{PROXY}/probe", headers={"x-pico-endpoint": endpoint})
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def logged(self, text):
        with open(self.process.log, errors="replace") as file:
            return [line for line in file if text in line]


class Member:
    """One of etcd."""

    def __init__(self, stand, index):
        self.stand, self.index = stand, index
        self.place = stand.network.place(f"etcd{index}", 21 + index)
        self.url, self.peer = f"http://{self.place.address}:2379", f"http://{self.place.address}:2380"
        self.folder = f"{stand.folder}/etcd{index}"
        self.process = None

    def start(self):
        peers = ",".join(f"m{member.index}={member.peer}" for member in self.stand.etcd)
        self.process = Process(
            self.place.prefix
            + ["etcd", "--name", f"m{self.index}", "--data-dir", self.folder, "--listen-client-urls", self.url,
               "--advertise-client-urls", self.url, "--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer,
               "--initial-cluster", peers, "--heartbeat-interval", "100", "--election-timeout", "1000"],
            f"{self.folder}.log")

    def kill(self):
        self.process.send(signal.SIGKILL)
        self.process.child.wait()

    def wipe(self):
        shutil.rmtree(self.folder)

    def ask(self, path, body):
        return json.loads(fetch(f"{self.url}/v3/{path}", body))

    def is_leader(self):
        status = self.ask("maintenance/status", {})
        return status["leader"] == status["header"]["member_id"]

    def compact(self):
        revision = self.ask("kv/range", {"key": base64.b64encode(b"x").decode()})["header"]["revision"]
        self.ask("kv/compaction", {"revision": revision, "physical": True})

    def leases(self):
        """Of the nodes' records."""
        key, end = (base64.b64encode(text).decode() for text in (b"/pico/v1/n/", b"/pico/v1/n0"))
        return [pair["lease"] for pair in self.ask("kv/range", {"key": key, "range_end": end}).get("kvs", [])]


class Stand:
    """Starts everything; `with Stand(pico) as stand`. Endpoints `e0`… have a listener on two nodes each, `s0`… on one."""

    def __init__(self, pico, members=1, nodes=3, flags=(), agent_flags=()):
        self.pico, self.flags, self.agent_flags = pico, list(flags), list(agent_flags)
        self.temporary = tempfile.TemporaryDirectory(prefix="pico-faults-")
        self.folder = self.temporary.name
        with open(f"{self.folder}/secret", "w") as file:
            file.write(secrets.token_hex(32))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=node",
             "-addext", "subjectAltName=DNS:node", "-keyout", f"{self.folder}/node.key", "-out", f"{self.folder}/node.pem"],
            check=True, stderr=subprocess.DEVNULL)
        self.network = Network()
        self.etcd = [Member(self, index) for index in range(members)]
        self.nodes = [Node(self, index) for index in range(nodes)]
        self.agents, self.others = {}, []
        self.doubles = [f"e{index}" for index in range(3)]
        self.singles = [f"s{index}" for index in range(3)]

    @property
    def endpoints(self):
        return self.doubles + self.singles

    def __enter__(self):
        try:
            for member in self.etcd:
                member.start()
            until("etcd", lambda: all("true" in fetch(member.url + "/health") for member in self.etcd))
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                until("a node", node.is_ready)
            self.start_balancer(FRONT)
            for endpoint in [double for double in self.doubles for _ in range(2)] + self.singles:
                self.start_agent(endpoint)
            for node in self.nodes:
                until("the routes on each node", lambda: all(node.status(endpoint) == 200 for endpoint in self.endpoints))
            return self
        except BaseException:
            self.__exit__()
            raise

    def start_balancer(self, port, first=None):
        """`first` gets everything as long as it is there."""
        config = f"{self.folder}/haproxy{port}.cfg"
        servers = "\n".join(
            f"  server n{node.index} {node.address}:{PROXY}{' backup' if first not in (None, node) else ''}" for node in self.nodes)
        with open(config, "w") as file:
            file.write(HAPROXY.format(front=f"127.0.0.1:{port}", servers=servers))
        self.others.append(Process(["haproxy", "-db", "-f", config], f"{self.folder}/haproxy{port}.log"))
        until("haproxy", lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)

    def start_agent(self, endpoint):
        """One after the other, so that HAProxy gives each the next node."""
        before = self.listeners()
        name = f"agent{len(self.agents)}"
        process = Process(
            [self.pico, "agent", endpoint, f"127.0.0.1:{SERVICE}", "--server", f"http://127.0.0.1:{FRONT}"]
            + self.agent_flags, f"{self.folder}/{name}.log")
        self.agents[name] = process
        until(f"a listener of {endpoint}", lambda: self.listeners() > before)
        return process

    def start_agents_of(self, count, front, name):
        """One process with that many endpoints."""
        path = f"{self.folder}/{name}.yaml"
        with open(path, "w") as file:
            file.write(f"server: {{url: 'http://127.0.0.1:{front}'}}\nlisteners:\n")
            for index in range(count):
                file.write(f"  - {{endpoint: {name}-{index}, upstream: '127.0.0.1:{SERVICE}'}}\n")
        self.others.append(Process([self.pico, "agent", "--config", path], f"{self.folder}/{name}.log"))
        return self.others[-1]

    def agents_of(self, endpoint):
        return [process for process in self.agents.values() if endpoint in process.child.args and process.is_alive]

    def listeners(self):
        return sum(node.metric("pico_listeners") for node in self.nodes if node.is_running)

    def __exit__(self, *_):
        processes = [*self.agents.values(), *self.others, *(each.process for each in self.nodes + self.etcd)]
        for process in processes:
            if process:
                process.end()
        self.network.end()
        if os.environ.get("KEEP"):
            subprocess.run(["cp", "-r", self.folder, os.environ["KEEP"]], check=False)
        self.temporary.cleanup()


def warnings(node):
    """What a node said that is no everyday news, for a row that is not as it must be."""
    return [re.sub(r"\s+", " ", line) for line in node.logged('"level":"') if '"level":"info"' not in line and '"level":"debug"' not in line]
