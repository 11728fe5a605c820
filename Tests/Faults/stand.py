"""A cluster on loopback: etcd, nodes, HAProxy in front of them, a service that counts, agents; and a load that checks every answer."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

HAPROXY = """
global
  maxconn 4000
defaults
  mode http
  timeout connect 1s
  timeout client 120s
  timeout server 120s
  timeout tunnel 1h
  timeout check 500ms
  option redispatch
  retries 3
frontend all
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /pico/v1/ready
  http-check send hdr Host ready
  default-server check inter 200ms fall 2 rise 1
{servers}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, timeout=2):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
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
    def __init__(self, command, log):
        self.log = log
        self.child = subprocess.Popen(command, stdout=open(log, "ab"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def send(self, number):
        self.child.send_signal(number)

    def end(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()


class Node:
    def __init__(self, stand, index):
        self.stand, self.index = stand, index
        self.proxy, self.admin, self.link = free_port(), free_port(), free_port()
        self.place = f"127.0.0.1:{self.proxy}"
        self.process = None

    def start(self):
        self.process = Process(
            [self.stand.pico, "server", "--proxy.listen", self.place, "--admin.listen", f"127.0.0.1:{self.admin}",
             "--cluster.listen", f"127.0.0.1:{self.link}", "--cluster.etcd", ",".join(self.stand.members), "--cluster.name", "faults",
             "--cluster.allow-loopback", "true", "--cluster.secret-file", self.stand.secret, "--drain-delay", "1s",
             "--grace-period", "20s", "--cluster.lease-ttl", "5s", "--log.format", "json"] + self.stand.flags,
            f"{self.stand.folder}/node{self.index}.log")

    def is_ready(self):
        return "ready" in fetch(f"http://127.0.0.1:{self.admin}/ready")

    def metric(self, name):
        for line in fetch(f"http://127.0.0.1:{self.admin}/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return None


class Stand:
    """Starts everything; `with Stand(pico) as stand`."""

    def __init__(self, pico, members=1, nodes=3, agents=6, endpoints=3, flags=(), tunnels=1, agent_flags=()):
        self.pico, self.flags, self.tunnels, self.agent_flags = pico, list(flags), tunnels, list(agent_flags)
        self.member_count, self.agent_count, self.endpoint_count = members, agents, endpoints
        self.temporary = tempfile.TemporaryDirectory(prefix="pico-faults-")
        self.folder = self.temporary.name
        self.secret = f"{self.folder}/secret"
        with open(self.secret, "w") as file:
            file.write(secrets.token_hex(32))
        self.etcd_ports = [(free_port(), free_port()) for _ in range(members)]
        self.members = [f"http://127.0.0.1:{client}" for client, _ in self.etcd_ports]
        self.etcd = [None] * members
        self.nodes = [Node(self, index) for index in range(nodes)]
        self.port = free_port()
        self.agents = []
        self.others = []

    def __enter__(self):
        for index in range(self.member_count):
            self.start_etcd(index)
        until("etcd", lambda: fetch(self.members[0] + "/health"))
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            until("a node", node.is_ready)
        config = f"{self.folder}/haproxy.cfg"
        servers = "\n".join(f"  server n{node.index} 127.0.0.1:{node.proxy}" for node in self.nodes)
        with open(config, "w") as file:
            file.write(HAPROXY.format(port=self.port, servers=servers))
        self.others.append(Process(["haproxy", "-db", "-f", config], f"{self.folder}/haproxy.log"))
        until("haproxy", lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() is None)
        return self

    def start_etcd(self, index):
        peers = ",".join(f"m{place}=http://127.0.0.1:{peer}" for place, (_, peer) in enumerate(self.etcd_ports))
        client, peer = self.etcd_ports[index]
        self.etcd[index] = Process(
            ["etcd", "--name", f"m{index}", "--data-dir", f"{self.folder}/etcd{index}", "--listen-client-urls", f"http://127.0.0.1:{client}",
             "--advertise-client-urls", f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}", "--initial-cluster", peers,
             "--heartbeat-interval", "100", "--election-timeout", "1000"],
            f"{self.folder}/etcd{index}.log")

    def start_agents(self, service):
        for index in range(self.agent_count):
            self.start_agent(service, index)
        until("all listeners", lambda: self.listeners() == self.agent_count * self.tunnels)

    def start_agent(self, service, index):
        self.agents.append(Process(
            [self.pico, "agent", f"e{index % self.endpoint_count}", f"127.0.0.1:{service}", "--server", f"http://127.0.0.1:{self.port}"]
            + ["--connections", str(self.tunnels)] + self.agent_flags, f"{self.folder}/agent{index}.log"))

    def listeners(self):
        return sum(node.metric("pico_listeners") or 0 for node in self.nodes if node.process and node.process.child.poll() is None)

    def __exit__(self, *_):
        for process in self.agents + [node.process for node in self.nodes] + self.others + self.etcd:
            if process:
                process.send(signal.SIGCONT)
                process.end()
        if os.environ.get("KEEP"):
            subprocess.run(["cp", "-r", self.folder, os.environ["KEEP"]], check=False)
        self.temporary.cleanup()


class Service:
    """Answers with method, path and body, after `delay` seconds, and counts what it was asked."""

    def __init__(self, delay=0.005):
        self.delay, self.seen, self.port = delay, {}, free_port()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                length = next((int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length) if length else b""
                self.seen[path] = self.seen.get(path, 0) + 1
                await asyncio.sleep(self.delay)
                answer = f"{method} {path} ".encode() + body
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Load:
    """Requests at a constant rate, of which every answer is looked at. Outcomes are (at, method, words, seconds)."""

    def __init__(self, ports, endpoints, rate=200, workers=40, timeout=40):
        self.ports, self.endpoints, self.rate, self.workers, self.timeout = ports, endpoints, rate, workers, timeout
        self.outcomes, self.number, self.isOver = [], 0, False

    def start(self):
        self.began = time.monotonic()
        self.tasks = [asyncio.create_task(self.work(index)) for index in range(self.workers)]

    async def stop(self):
        self.isOver = True
        await asyncio.gather(*self.tasks)

    async def work(self, index):
        connection = None
        due = time.monotonic() + index / self.rate
        while not self.isOver:
            await asyncio.sleep(max(0, due - time.monotonic()))
            due = max(due + self.workers / self.rate, time.monotonic() - 1)
            self.number += 1
            number = self.number
            method = "GET" if number % 2 else "POST"
            at = time.monotonic()
            try:
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", self.ports[number % len(self.ports)])
                words, keeps = await asyncio.wait_for(self.ask(connection, method, number), self.timeout)
            except asyncio.TimeoutError:
                words, keeps = "timeout", False
            except (OSError, asyncio.IncompleteReadError) as error:
                words, keeps = type(error).__name__, False
            self.outcomes.append((at - self.began, method, number, words, time.monotonic() - at))
            if not keeps and connection:
                connection[1].close()
                connection = None
        if connection:
            connection[1].close()

    async def ask(self, connection, method, number):
        reader, writer = connection
        body = f"body of {number}".encode() if method == "POST" else b""
        path = f"/{number}"
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: pico\r\nx-pico-endpoint: {self.endpoints[number % len(self.endpoints)]}\r\n".encode()
            + (b"Content-Length: %d\r\n" % len(body) if body else b"") + b"\r\n" + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ")[1])
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        answer = await reader.readexactly(int(fields.get("content-length", 0)))
        keeps = fields.get("connection") != "close"
        if status != 200:
            return f"{status} {fields.get('x-pico-error', '')}", keeps
        return ("ok" if answer == f"{method} {path} ".encode() + body else "another's answer"), keeps
