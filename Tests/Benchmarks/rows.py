"""The rows of the budget table: how each is measured, what it must be and what it aims for."""

import os
import statistics
import subprocess
import sys
import time
import urllib.request

from loads import Transfer, Wrk, idle_connections
from processes import Child, accepts, free_port, wait_until
from stands import ENDPOINT, listeners

KIBIBYTE = 1024


class Row:
    """One line of the table. `at_least` rows are good when large, all others when small."""

    def __init__(self, what, value, must, aim, unit="", at_least=False, note=""):
        self.what, self.value, self.must, self.aim, self.unit, self.at_least, self.note = what, value, must, aim, unit, at_least, note

    def holds(self, limit):
        return self.value >= limit if self.at_least else self.value <= limit

    @property
    def met(self):
        return self.holds(self.must)

    @property
    def verdict(self):
        return "MISSED" if not self.met else "met, aim too" if self.holds(self.aim) else "met"


class Measurements:
    """Measures on demand; figures that two rows share are taken once."""

    def __init__(self, stands, rounds, seconds, peers):
        self.stands, self.stage, self.rounds, self.seconds = stands, stands.stage, rounds, seconds
        self.names = ["nginx", *peers, "pico"]
        self.absolute = {}
        self._loads = {}

    def progress(self, text):
        print(f"  {text}", file=sys.stderr, flush=True)

    def interleaved(self, what, names, measure):
        """Runs `measure` for each target in turn, round after round, so that a noisy minute falls on all of them."""
        results = {name: [] for name in names}
        for _ in range(self.rounds):
            for name in names:
                results[name].append(measure(self.stands.target(name)))
        self.progress(what)
        return results

    def load(self, path, connections, names):
        key = (path, connections)
        if key not in self._loads:
            for name in names:
                Wrk(self.stands.target(name), path, connections, 1)  # warm
            results = self.interleaved(
                f"{path} at {connections} connections", names, lambda target: Wrk(target, path, connections, self.seconds))
            self._loads[key] = results
            self.absolute[f"{path[1:]} at {connections}"] = {
                name: f"{min(run.cpu_per_thousand_ms for run in runs):.1f} ms ({max(run.rate for run in runs) / 1000:.1f}k/s)"
                for name, runs in results.items()}
        return self._loads[key]

    def cpu_ratio(self, path, connections, names):
        results = self.load(path, connections, names)
        cpu = {name: min(run.cpu_per_thousand_ms for run in runs) for name, runs in results.items()}
        return cpu["pico"] / cpu["nginx"], f"{cpu['pico']:.1f} to {cpu['nginx']:.1f} ms per 1,000"

    def cpu(self, connections, must, aim):
        ratio, note = self.cpu_ratio("/128", connections, self.names)
        return [Row(f"CPU per 1,000 requests, 128 B, {connections} connections, to nginx", ratio, must, aim, "x", note=note)]

    def latency(self):
        results = self.load("/128", 1, self.names)
        median = {name: min(run.median_ms for run in runs) for name, runs in results.items()}
        self.absolute["median ms at 1"] = {name: f"{value:.3f} ms" for name, value in median.items()}
        return [Row("median latency added to nginx's, 1 connection", median["pico"] - median["nginx"], 0.10, 0.04, "ms",
                    note=f"{median['pico']:.3f} to {median['nginx']:.3f} ms")]

    def bodies(self):
        ratio, note = self.cpu_ratio("/64k", 32, self.names)
        return [Row("CPU, 64 KiB bodies, 32 connections, to nginx", ratio, 3.0, 1.8, "x", note=note)]

    def transfer(self, what, upload_from=None):
        results = self.interleaved(f"1 GiB {what}", self.names, lambda target: Transfer(target, upload_from))
        rate = {name: max(run.rate_mb for run in runs) for name, runs in results.items()}
        cpu = {name: min(run.cpu for run in runs) for name, runs in results.items()}
        self.absolute[f"1 GiB {what}"] = {name: f"{cpu[name]:.2f} s ({rate[name]:.0f} MB/s)" for name in results}
        return [
            Row(f"1 GiB {what}, MB/s to nginx's", rate["pico"] / rate["nginx"], 0.5, 0.8, "x", True,
                note=f"{rate['pico']:.0f} to {rate['nginx']:.0f} MB/s"),
            Row(f"1 GiB {what}, CPU-seconds", cpu["pico"], 2.4, 1.4, "s", note=f"nginx {cpu['nginx']:.2f} s"),
        ]

    def download(self):
        self.stands.origin
        with open(self.stage.path("root", "1g"), "rb") as file:  # into the page cache
            while file.read(1 << 24):
                pass
        return self.transfer("download")

    def upload(self):
        self.stands.origin
        return self.transfer("upload", self.stage.path("root", "1g"))

    def register(self, number):
        """A fresh server, and an agent with that many listeners: (server, agent, server bytes before, seconds)."""
        server, port, admin = self.stands.pico_server()
        listeners(admin)
        time.sleep(0.5)
        before = server.rss()
        start = time.monotonic()
        agent = self.stands.pico_agent(port, {f"idle-{index}": f"127.0.0.1:{self.stands.origin}" for index in range(number)})
        wait_until(
            f"{number} listeners", lambda: not agent.alive() or not server.alive() or listeners(admin) >= number, seconds=60, every=0.01)
        elapsed = time.monotonic() - start
        for child in (agent, server):
            if not child.alive():
                raise SystemExit(f"{child.name} ended while {number} listeners registered:\n{child.log()[-1000:]}")
        return server, agent, before, elapsed

    def memory_listener(self, number=5000):
        server, agent, before, _ = self.register(number)
        time.sleep(1)
        each = (server.rss() - before) / number
        note = f"the agent {agent.rss() / number / KIBIBYTE:.1f} KiB"
        agent.stop()
        server.stop()
        self.progress(f"{number} idle listeners")
        return [Row(f"memory per idle listener on the server ({number:,})", each / KIBIBYTE, 12, 6, "KiB", note=note)]

    def memory_connection(self, number=5000):
        target = self.stands.pico()
        server, agent = target.children
        Wrk(target, "/128", 64, 1)  # buffers of the loops and the pool to the upstream are there now
        before = server.rss()
        idle = idle_connections(target.port, number)
        time.sleep(0.5)
        each = (server.rss() - before) / number
        for connection in idle:
            connection.close()
        agent.stop()
        server.stop()
        self.progress(f"{number} idle connections")
        return [Row(f"memory per idle downstream connection, after one request ({number:,})", each / KIBIBYTE, 12, 6, "KiB")]

    def start(self, times=7):
        ready, rss = [], []
        for _ in range(times):
            port, admin = free_port(), free_port()
            begin = time.monotonic()
            server = Child(self.stage, "pico-start", [
                self.stands.binary, "server", "--proxy.listen", f"127.0.0.1:{port}", "--admin.listen", f"127.0.0.1:{admin}"])
            wait_until("the server's port", lambda: accepts(port), every=0.0005)
            wait_until("the server's admin port", lambda: accepts(admin), every=0.0005)
            urllib.request.urlopen(f"http://127.0.0.1:{admin}/ready", timeout=5).close()
            ready.append((time.monotonic() - begin) * 1000)
            time.sleep(0.3)
            rss.append(server.rss() / 1e6)
            server.stop()
        self.progress("start")
        return [
            Row("server RSS at start", statistics.median(rss), 20, 12, "MB"),
            Row("server ready after", statistics.median(ready), 100, 30, "ms", note=f"median of {times}, fastest {min(ready):.0f}"),
        ]

    def registration(self, number=10000):
        server, agent, _, elapsed = self.register(number)
        note = f"CPU server {server.cpu():.1f} s, agent {agent.cpu():.1f} s"
        agent.stop()
        server.stop()
        self.progress(f"{number} listeners registered")
        return [Row(f"{number:,} listeners registered", elapsed, 5, 2, "s", note=note)]

    def allocations(self):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "malloc_count.c")
        library = self.stage.path("malloc_count.so")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        files = {role: self.stage.path(f"{role}.count") for role in ("server", "agent")}
        target = self.stands.pico(lambda role: {"LD_PRELOAD": library, "MALLOC_COUNT_FILE": files[role]})

        def counts():
            return {role: int.from_bytes(open(path, "rb").read(8), "little") for role, path in files.items()}

        def window(seconds):
            before = counts()
            run = Wrk(target, "/128", 64, seconds)
            after = counts()
            return {role: after[role] - before[role] for role in after}, run.requests

        if not all(counts().values()):  # even a start allocates
            raise SystemExit(f"the counting library saw no allocation at all: {counts()}")
        window(2)  # pools fill
        short, few = window(1)
        long, many = window(5)
        # Both windows open and close 64 connections; their difference is what requests alone cost.
        each = {role: max(0.0, (long[role] - short[role]) / (many - few)) for role in files}
        for child in reversed(target.children):
            child.stop()
        self.progress("allocations")
        return [Row("allocations per request in steady state, both processes", sum(each.values()), 8, 0.01,
                    note=f"server {each['server']:.3f}, agent {each['agent']:.3f}")]


# In the order of the budget. Each makes one line or two.
ROWS = {
    "cpu-64": lambda on: on.cpu(64, 1.7, 1.2),
    "cpu-8": lambda on: on.cpu(8, 2.4, 1.6),
    "cpu-1": lambda on: on.cpu(1, 2.6, 1.9),
    "latency": lambda on: on.latency(),
    "bodies-64k": lambda on: on.bodies(),
    "download": lambda on: on.download(),
    "upload": lambda on: on.upload(),
    "memory-listener": lambda on: on.memory_listener(),
    "memory-connection": lambda on: on.memory_connection(),
    "start": lambda on: on.start(),
    "listeners": lambda on: on.registration(),
    "allocations": lambda on: on.allocations(),
}
