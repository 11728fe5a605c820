"""Processes that a measurement starts: their logs, CPU time, memory and end."""

import ctypes
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


def raise_descriptor_limit(wanted=65536):
    """Raises the soft limit of this process, which its children inherit; returns the limit that holds now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=20.0, every=0.02):
    """Polls `condition` until it is true and returns its value; after `seconds` it ends the run, naming `what`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up after {seconds:.0f} s waiting for {what}")
        time.sleep(every)


def accepts(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: nothing outlives a run that was killed


class Child:
    """One started program together with everything that it forks."""

    def __init__(self, stage, name, command, environment=None):
        self.name = name
        self.log_path = os.path.join(stage.directory, f"{name}-{len(stage.children)}.log")
        log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})}, preexec_fn=_end_with_parent)
        log.close()
        stage.children.append(self)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def pids(self):
        """The process and its descendants."""
        found, queue = [], [self.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children") as children:
                        queue += [int(child) for child in children.read().split()]
            except OSError:
                pass
        return found

    def cpu(self):
        """User and system time so far in seconds, of all threads that live."""
        return sum(cpu_seconds(pid) for pid in self.pids())

    def rss(self):
        """Resident bytes of the process alone."""
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * PAGE

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop(self, how=signal.SIGTERM, seconds=5.0):
        if self.alive():
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def cpu_seconds(pid):
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as schedstat:
                total += int(schedstat.read().split()[0])
        if total:
            return total / 1e9
        with open(f"/proc/{pid}/stat") as stat:  # a kernel without schedstat: 10 ms steps
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except OSError:
        return 0.0


class Stage:
    """A private directory and the processes of one run; leaving it ends all of them."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="pico-benchmark-")
        self.children = []
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            child.stop(seconds=2.0)
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, *parts):
        path = os.path.join(self.directory, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, name, command, port=None, environment=None):
        """Starts a program and, given its port, waits until it accepts there."""
        child = Child(self, name, command, environment)
        if port:
            wait_until(f"{name} on port {port}", lambda: not child.alive() or accepts(port))
            if not child.alive():
                raise SystemExit(f"{name} ended with {child.process.returncode}:\n{child.log()[-2000:]}")
        return child
