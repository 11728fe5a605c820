"""The units of docs/hosting/systemd: what systemd says of them, whether what they forbid leaves Pico what it needs, and whether Pico says to
its supervisor what they build on.

usage: units.py PICO
"""

import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNITS = f"{ROOT}/docs/hosting/systemd"
PICO = sys.argv[1]
faults = []


def fault(text):
    faults.append(text)
    print(f"FAULT {text}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port):
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def verify(folder):
    """systemd's own reading, in a root in which the programs exist."""
    units = f"{folder}/etc/systemd/system"
    for path in (units, f"{folder}/usr/bin", f"{folder}/bin"):
        os.makedirs(path)
    shutil.copytree("/lib/systemd/system", f"{folder}/usr/lib/systemd/system", symlinks=True)
    for program in ("usr/bin/pico", "bin/kill"):
        shutil.copy("/bin/true", f"{folder}/{program}")
    for unit in glob.glob(f"{UNITS}/*.service"):
        shutil.copy(unit, units)

    def said(*names):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={folder}", *names], capture_output=True, text=True)
        return (done.stdout + done.stderr).strip()

    if text := said("pico-server.service", "pico-agent@web.service"):
        fault(f"systemd-analyze verify: {text}")
    with open(f"{units}/wrong.service", "w") as file:
        file.write(open(f"{UNITS}/pico-server.service").read().replace("WatchdogSec=30s", "WatchdogSec=often"))
    if "often" not in said("wrong.service"):
        fault("systemd-analyze verify finds nothing wrong with a wrong unit")


def exposure(folder):
    for unit, name in (("pico-server.service", "pico-server.service"), ("pico-agent@.service", "pico-agent@web.service")):
        shutil.copy(f"{UNITS}/{unit}", f"{folder}/{name}")
        said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"{folder}/{name}"], capture_output=True, text=True).stdout
        score = float(re.search(r"exposure level for \S+: ([\d.]+)", said).group(1))
        print(f"{name}: exposure {score}")
        if score > 2.0:
            fault(f"{name}: exposure {score} is over 2.0")


def group(name, seen=None):
    """The system calls of one of systemd's groups."""
    calls = set()
    for line in subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True).stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= group(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def permitted(unit):
    calls = group("@default")
    for line in open(f"{UNITS}/{unit}"):
        if line.startswith("SystemCallFilter="):
            words = line.strip().partition("=")[2]
            named = set().union(*(group(word) if word.startswith("@") else {word} for word in words.lstrip("~").split()))
            calls = calls - named if words.startswith("~") else calls | named
    return calls


class Supervisor:
    """What systemd is to a unit of Type=notify."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.messages = []

    def start(self, *command, log, trace=None):
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": self.name, "WATCHDOG_USEC": "400000", "SWIFT_BACKTRACE": "enable=no"}
        before = ["strace", "-f", "-qq", "-o", trace] if trace else []
        return subprocess.Popen([*before, *command], env=environment, stdout=log, stderr=log)

    def wait(self, words, seconds=20):
        """Reads on until a message has them."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                message = self.socket.recv(4096).decode()
            except TimeoutError:
                break
            self.messages.append(message)
            if words in message:
                return message
        fault(f"no {words!r} in {self.messages}")
        return ""


def pico_under(process, traced):
    """The process ID of pico itself."""
    if not traced:
        return process.pid
    return int(open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()[0])


def conversation(folder, address, traced):
    """A server and an agent from their start to their end, as their supervisors hear it; with `traced`, as the kernel does."""
    port, admin, upstream = free_port(), free_port(), free_port()
    log = open(f"{folder}/log", "ab")
    service = subprocess.Popen([sys.executable, "-m", "http.server", str(upstream), "--bind", "127.0.0.1", "--directory", folder], stdout=log, stderr=log)
    calls = {}
    try:
        await_port(upstream)
        server_side, agent_side = Supervisor(address % "server"), Supervisor(address % "agent")
        trace = (lambda name: f"{folder}/{name}.trace") if traced else lambda name: None
        server = server_side.start(
            PICO, "server", "--proxy.listen", f"127.0.0.1:{port}", "--admin.listen", f"127.0.0.1:{admin}", "--grace-period", "3s",
            "--drain-delay", "100ms", "--proxy.access-log", f"{folder}/access.log", log=log, trace=trace("server"))
        ready = server_side.wait("READY=1")
        if f"requests and listeners on http://127.0.0.1:{port}" not in ready:
            fault(f"the server is ready with {ready!r}")
        urllib.request.urlopen(f"http://127.0.0.1:{admin}/ready", timeout=5)
        agent = agent_side.start(
            PICO, "agent", "web", f"127.0.0.1:{upstream}", "--server", f"http://127.0.0.1:{port}", "--grace-period", "3s", log=log, trace=trace("agent"))
        agent_side.wait("READY=1")
        agent_side.wait("STATUS=connected to")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/log", headers={"x-pico-endpoint": "web"})
        if urllib.request.urlopen(request, timeout=10).status != 200:
            fault("no answer through the tunnel")
        for side in (server_side, agent_side):
            since = time.monotonic()
            for _ in range(4):
                side.wait("WATCHDOG=1")
            if time.monotonic() - since > 4:
                fault(f"four signs of life took {time.monotonic() - since:.1f} s, wanted every 0.2 s")
        for process, side, time_to_end in ((agent, agent_side, 8), (server, server_side, 18.1)):
            pid = pico_under(process, traced)
            os.kill(pid, signal.SIGHUP)
            since = int(re.search(r"MONOTONIC_USEC=(\d+)", side.wait("RELOADING=1")).group(1))
            if abs(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6 - since) > 5e6:
                fault(f"a reload of {since}")
            side.wait("READY=1")
            os.kill(pid, signal.SIGTERM)
            stopping = side.wait("STOPPING=1")
            if f"EXTEND_TIMEOUT_USEC={int(time_to_end * 1e6)}" not in stopping:
                fault(f"stopping is {stopping!r}")
            if process.wait(30) != 0:
                fault(f"{process.args} ended with {process.returncode}")
        if traced:
            for name in ("server", "agent"):
                text = open(trace(name)).read()
                calls[name] = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", text, re.M)) | set(re.findall(r"<\.\.\. ([a-z_0-9]+) resumed", text))
    finally:
        service.kill()
    return calls


def refusals(folder):
    """A variable that cannot be meant ends the start with 78 and one line."""
    for variables, words in (({"NOTIFY_SOCKET": "vsock:2:1"}, "NOTIFY_SOCKET: "), ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, "WATCHDOG_USEC: ")):
        done = subprocess.run(
            [PICO, "server", "--proxy.listen", f"127.0.0.1:{free_port()}", "--admin.listen", f"127.0.0.1:{free_port()}"],
            env=variables, capture_output=True, text=True, timeout=20)
        if done.returncode != 78 or not done.stderr.startswith(f"pico: {words}"):
            fault(f"{variables}: {done.returncode} {done.stderr}")


with tempfile.TemporaryDirectory() as folder:
    verify(f"{folder}/root")
    exposure(folder)
    conversation(folder, f"{folder}/%s.notify", traced=False)
    for name, calls in conversation(folder, f"@pico-test-{os.getpid()}-%s", traced=True).items():
        unit = "pico-server.service" if name == "server" else "pico-agent@.service"
        missing = calls - permitted(unit) - {"execve", "exit", "exit_group"}
        print(f"{unit}: {len(calls)} kinds of system calls, not permitted: {sorted(missing) or 'none'}")
        if missing or len(calls) < 20:
            fault(f"{unit} does not permit {sorted(missing)} of {len(calls)}")
    refusals(folder)
print(f"{len(faults)} faults")
sys.exit(1 if faults else 0)
