"""Puts a load balancer, with its configuration from docs/hosting/proxies as it stands there, in front of three nodes that are set up as
docs/hosting/systemd says, and looks whether it does what the documents say: requests, WebSockets and tunnels go through it, a reload of it and
a rolling restart of all nodes lose nothing.

usage: fronts.py PICO haproxy|nginx|caddy|envoy
"""

import http.client
import json
import os
import re
import resource
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time

import stage
from websockets.sync.client import connect

stage.enter()
PICO, FRONT = sys.argv[1:3]
NODES = {"node-1": "10.0.0.11", "node-2": "10.0.0.12", "node-3": "10.0.0.13"}
FRONT_ADDRESS, CLIENT_ADDRESS = "10.0.0.2", "203.0.113.7"
PUBLIC = {name: FRONT_ADDRESS for name in ("pico.example.com", "web.pico.example.com", "chat.pico.example.com")}
here = stage.Stage({FRONT_ADDRESS: CLIENT_ADDRESS} | {address: FRONT_ADDRESS for address in NODES.values()}, PUBLIC)


def prepare():
    secrets = f"{here.folder}/secrets"
    stage.run("sh", f"{stage.HOSTING}/secrets.sh", secrets, "pico.example.com", "*.pico.example.com")
    shutil.copytree(secrets, "/etc/pico")
    os.makedirs("/etc/ssl/pico")
    with open("/etc/ssl/pico/pico.example.com.pem", "w") as file:
        file.writelines(open(f"{secrets}/{name}").read() for name in ("pico.pem", "pico.key"))
    with open("/etc/pico/agent.token", "w") as file:
        file.write(stage.run(
            PICO, "token", "issue", "--key-file", "/etc/pico/agents.key", "--audience", "pico-agents", "--subject", "agent", "--expires-in", "1h"))
    shutil.copy(f"{stage.HOSTING}/systemd/server.yaml", "/etc/pico/server.yaml")
    os.makedirs("/etc/pico/agents")
    shutil.copy(f"{stage.HOSTING}/systemd/agent.yaml", "/etc/pico/agents/web.yaml")


def start_node(name):
    """As pico-server.service does, with /etc/default/pico-server of that machine."""
    address = NODES[name]
    here.start(
        name, PICO, "server", "--config", "/etc/pico/server.yaml", environment={
            "PICO_PROXY_LISTEN": f"{address}:8080", "PICO_ADMIN_LISTEN": f"{address}:8081", "PICO_CLUSTER_LISTEN": f"{address}:8082",
            # Without health checks requests come until the port is closed; with them the delay has to last for two.
            "PICO_GRACE_PERIOD": "5s" if FRONT == "nginx" else "30s", "PICO_DRAIN_DELAY": "5s"})


def is_ready(address):
    link = http.client.HTTPConnection(address, 8080, timeout=2)
    link.request("GET", "/pico/v1/ready")
    return link.getresponse().status == 200


class Front:
    """How each of them is started and told to read its configuration again."""

    file = {"haproxy": "haproxy.cfg", "nginx": "nginx.conf", "caddy": "Caddyfile", "envoy": "envoy.yaml"}[FRONT]

    def __init__(self):
        self.config = f"{here.folder}/{self.file}"
        text = open(f"{stage.HOSTING}/proxies/{self.file}").read()
        # Where this machine has no more descriptors to give, fewer connections have to do; nothing else is changed.
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 210_000:
            text = re.sub(r"(?m)^( *maxconn) \d+$", r"\1 4000", text)
            text = re.sub(r"(?m)^(worker_rlimit_nofile) \d+;$", r"\1 8192;", re.sub(r"(?m)^( *worker_connections) \d+;$", r"\1 4096;", text))
        with open(self.config, "w") as file:
            file.write(text)
        self.home = {"HOME": here.folder, "XDG_DATA_HOME": here.folder, "XDG_CONFIG_HOME": here.folder}
        folder = os.path.dirname(sys.executable)
        self.program = next(p for p in (f"{folder}/{FRONT}", f"/usr/sbin/{FRONT}", f"/usr/bin/{FRONT}") if os.path.exists(p))

    def check(self):
        """Its own opinion of the configuration."""
        words = {
            "haproxy": ["-c", "-f", self.config], "nginx": ["-t", "-c", self.config],
            "caddy": ["validate", "--config", self.config, "--adapter", "caddyfile"], "envoy": ["--mode", "validate", "-c", self.config],
        }[FRONT]
        done = subprocess.run([self.program, *words], capture_output=True, text=True, env=os.environ | self.home)
        if done.returncode or re.search(r"\bwarn", (done.stdout + done.stderr).lower()) and FRONT != "envoy":
            here.fault(f"{FRONT} says of its configuration: {done.stdout}{done.stderr}")

    def start(self):
        words = {
            "haproxy": ["-W", "-f", self.config], "nginx": ["-c", self.config, "-g", "daemon off;"],
            "caddy": ["run", "--config", self.config, "--adapter", "caddyfile"], "envoy": self.envoy(0),
        }[FRONT]
        self.process = here.start(FRONT, self.program, *words, environment=self.home)
        here.until(f"{FRONT} at port 443", lambda: stage.accepts(FRONT_ADDRESS, 443))

    def envoy(self, epoch):
        return ["-c", self.config, "--restart-epoch", str(epoch), "--base-id", "7", "--drain-time-s", "60", "--parent-shutdown-time-s", "3600",
                "--log-level", "warn", "--concurrency", "2"]

    def reload(self):
        """Reads its configuration again as its manual says; returns when that is done."""
        if FRONT in ("haproxy", "nginx"):
            before = children(self.process.pid)
            self.process.send_signal(signal.SIGUSR2 if FRONT == "haproxy" else signal.SIGHUP)
            here.until("a new worker", lambda: children(self.process.pid) - before)
        elif FRONT == "caddy":
            # What has not changed is not read again.
            stage.run(self.program, "reload", "--force", "--config", self.config, "--adapter", "caddyfile", env=os.environ | self.home)
        else:
            here.start("envoy-1", self.program, *self.envoy(1), environment=self.home)
            time.sleep(3)


def children(pid):
    return set(open(f"/proc/{pid}/task/{pid}/children").read().split())


class Load:
    """Clients that keep their connections, as browsers and SDKs do. Whatever is not answered with 200 is lost, but for one thing: a connection
    that is closed while it waits for a request is opened again, as every client does."""

    def __init__(self, clients=6):
        self.running, self.lost, self.done, self.reopened = True, [], 0, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(index,), daemon=True) for index in range(clients)]
        for thread in self.threads:
            thread.start()

    def work(self, index):
        link = http.client.HTTPSConnection("web.pico.example.com", 443, context=stage.tls("/etc/pico/ca.pem"), timeout=20)
        count, is_used = 0, False
        while self.running:
            count += 1
            method, body = ("POST", b"x" * 1000) if count % 4 == 0 else ("GET", None)
            try:
                link.request(method, "/name", body=body)
                answer = link.getresponse()
                text = answer.read()
                ok, fact, is_used = answer.status == 200, f"{method}: {answer.status} {text[:200]}", True
            except Exception as error:
                link.close()
                closed = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
                if is_used and isinstance(error, closed):
                    is_used = False
                    self.reopened += 1
                    continue
                ok, fact = False, f"{method}: {error!r}"
            with self.lock:
                if ok:
                    self.done += 1
                else:
                    self.lost.append(time.strftime("%H:%M:%S ", time.gmtime()) + fact)
            time.sleep(0.003)

    def end(self, during):
        self.running = False
        for thread in self.threads:
            thread.join(30)
        print(f"{during}: {self.done} requests answered, {len(self.lost)} lost; {self.reopened} idle connections closed", flush=True)
        if self.lost or self.done < 100:
            here.fault(f"{during}: {self.done} answered, lost: {self.lost[:5]}")


def ask(host, path, headers=None, body=None):
    link = http.client.HTTPSConnection(host, 443, context=stage.tls("/etc/pico/ca.pem"), timeout=10)
    link.request("POST" if body else "GET", path, body=body, headers=headers or {})
    answer = link.getresponse()
    return answer, answer.read()


def tunnels(name):
    """How many tunnels the agent has opened until now, and how many are open."""
    port = {"web-1": 9090, "web-2": 9091, "chat": 9092}[name]
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    link.request("GET", "/metrics")
    text = link.getresponse().read().decode()

    def total(metric):
        return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(metric + r"[ {]", line))

    return total("pico_agent_tunnel_connects_total"), total("pico_agent_tunnels")


def check_requests():
    answer, body = ask("web.pico.example.com", "/a%2Fb/../c?d=1", {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"})
    seen = json.loads(body)
    fields = {name.lower(): value for name, value in seen["fields"]}
    if answer.status != 200 or fields.get("x-forwarded-for") != f"{CLIENT_ADDRESS}, {FRONT_ADDRESS}" or fields.get("x-forwarded-proto") != "https":
        here.fault(f"the service sees {seen}")
    if "203.0.113.9" in str(seen):
        here.fault(f"a client says who it is: {seen}")
    if seen["first"] != "GET /a%2Fb/../c?d=1":
        print(f"{FRONT} changes the path: {seen['first']}")
    answer, body = ask("web.pico.example.com", "/echo", body=b"b" * 5_000_000)
    if answer.status != 200 or json.loads(body)["length"] != 5_000_000:
        here.fault(f"a large body: {answer.status} {body[:200]}")
    answer, body = ask("web.pico.example.com", "/", {"x-pico-endpoint": "nobody"})
    if answer.status != 502 or answer.headers["x-pico-error"] != "no-available-upstreams":
        here.fault(f"an endpoint that nobody has: {answer.status} {body}")
    # An event is there before the next one is made.
    link = http.client.HTTPSConnection("web.pico.example.com", 443, context=stage.tls("/etc/pico/ca.pem"), timeout=10)
    link.request("GET", "/events/k")
    answer = link.getresponse()
    if answer.readline() != b"data: 0\n":
        here.fault("the first event")
    link.close()


def open_chat():
    return connect("wss://chat.pico.example.com/", ssl=stage.tls("/etc/pico/ca.pem"), open_timeout=10, close_timeout=2)


def echoes(chat, text):
    chat.send(text)
    if chat.recv(timeout=10) != text:
        here.fault(f"no echo of {text[:20]}")


def main():
    prepare()
    # One of the three members that the nodes know of.
    etcd = "http://10.0.0.11:2379"
    here.start(
        "etcd", "etcd", "--data-dir", f"{here.folder}/etcd", "--log-level", "error", "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
        # On architectures that etcd's authors do not test, it starts only if told that this is known.
        environment={"ETCD_UNSUPPORTED_ARCH": "arm64"} if os.uname().machine == "aarch64" else {})
    here.until("etcd", lambda: stage.accepts("10.0.0.11", 2379))
    for name in NODES:
        start_node(name)
    here.start("upstream", sys.executable, f"{stage.CLIENTS}/upstream.py", "3000", "service")
    here.start("chat-service", sys.executable, f"{stage.CLIENTS}/websocket_upstream.py", "3001")
    front = Front()
    front.check()
    for name, address in NODES.items():
        here.until(f"{name} is ready", lambda: is_ready(address))
    front.start()
    here.start("web-1", PICO, "agent", "--config", "/etc/pico/agents/web.yaml")
    here.start("web-2", PICO, "agent", "--config", "/etc/pico/agents/web.yaml", "--metrics.listen", "localhost:9091")
    here.start(
        "chat", PICO, "agent", "chat", "localhost:3001", "--server", "https://pico.example.com", "--ca", "/etc/pico/ca.pem", "--token-file",
        "/etc/pico/agent.token", "--metrics.listen", "localhost:9092")
    for name in ("web-1", "web-2", "chat"):
        here.until(f"a tunnel of {name} through {FRONT}", lambda: tunnels(name)[1] == 1)
    here.until("a request", lambda: ask("web.pico.example.com", "/name")[1] == b"service")
    check_requests()
    chat = open_chat()
    echoes(chat, "hello")
    echoes(chat, "long " * 100_000)

    # A reload: tunnels and WebSockets are the same ones behind it.
    before = {name: tunnels(name) for name in ("web-1", "web-2", "chat")}
    load = Load()
    time.sleep(1)
    front.reload()
    time.sleep(2)
    load.end("a reload")
    echoes(chat, "after the reload")
    if {name: tunnels(name) for name in before} != before:
        here.fault(f"tunnels did not outlast the reload: {before}, {[tunnels(n) for n in before]}")
    chat.close()

    # A rolling restart of two nodes, one after the other.
    load = Load()
    time.sleep(1)
    for name, address in list(NODES.items())[:2]:
        since = time.monotonic()
        here.children[name].terminate()
        if here.children[name].wait(90) != 0:
            here.fault(f"{name} ended with {here.children[name].returncode}")
        took = time.monotonic() - since
        print(f"{name} left within {took:.1f} s", flush=True)
        if took > 20:
            here.fault(f"{name} took {took:.1f} s to leave")
        start_node(name)
        here.until(f"{name} is ready again", lambda: is_ready(address))
        time.sleep(3)
    load.end("a rolling restart")
    for name in before:
        here.until(f"a tunnel of {name}", lambda: tunnels(name)[1] == 1)
    chat = open_chat()
    echoes(chat, "after the restart")
    chat.close()
    here.end()


main()
