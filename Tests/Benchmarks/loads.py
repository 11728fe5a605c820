"""The loads: wrk, curl and thousands of idle connections."""

import re
import select
import socket
import subprocess
import time

from stands import ENDPOINT, GIBIBYTE

UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class Wrk:
    """What one run of wrk saw, and what it cost the target."""

    def __init__(self, target, path, connections, seconds):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        for header in target.headers:
            command += ["-H", header]
        before = target.cpu()
        output = subprocess.run(
            command + [f"{target.url}{path}"], capture_output=True, text=True, timeout=seconds + 30, check=True).stdout
        self.cpu = target.cpu() - before
        faults = re.search(r"(Non-2xx.*|Socket errors.*)", output)
        if faults:
            raise SystemExit(f"{target.name} {path}, {connections} connections: {faults[1]}")
        self.requests = int(re.search(r"(\d+) requests in", output)[1])
        number, unit = re.search(r"50%\s+([\d.]+)(us|ms|s|m)\b", output).groups()
        self.median_ms = float(number) * UNITS[unit]
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
        if not self.requests:
            raise SystemExit(f"{target.name} {path}: wrk completed no request:\n{output}")

    @property
    def cpu_per_thousand_ms(self):
        return self.cpu * 1e6 / self.requests


class Transfer:
    """One GiB by curl: seconds it took and CPU-seconds of the target."""

    def __init__(self, target, upload_from=None):
        command = ["curl", "-sS", "--fail", "--max-time", "120", *(["--cacert", target.authority] if target.authority else [])]
        if upload_from:
            if target.name == "pico":
                command += ["-H", "x-pico-endpoint: sink"]
            command += ["-T", upload_from, "-w", " %{time_total}", f"http://127.0.0.1:{target.sink_port}/sink"]
        else:
            for header in target.headers:
                command += ["-H", header]
            command += ["-o", "/dev/null", "-w", "%{size_download} %{time_total}", f"{target.url}/1g"]
        before = target.cpu()
        done = subprocess.run(command, capture_output=True, text=True, timeout=130)
        self.cpu = target.cpu() - before
        if done.returncode:
            raise SystemExit(f"{target.name}: curl: {done.stderr.strip()}")
        moved, self.seconds = (float(word) for word in done.stdout.split())
        if moved != GIBIBYTE:
            raise SystemExit(f"{target.name}: {moved:.0f} bytes of {GIBIBYTE} arrived")

    @property
    def rate_mb(self):
        return GIBIBYTE / 1e6 / self.seconds


def idle_connections(port, number, at_once=64, endpoint=ENDPOINT):
    """Opens connections, sends one request on each and reads its response; returns them open."""
    request = b"GET /128 HTTP/1.1\r\nHost: bench\r\nx-pico-endpoint: %s\r\n\r\n" % endpoint.encode()
    idle, waiting, received = [], {}, {}
    poll = select.epoll()
    deadline = time.monotonic() + 60
    while len(idle) < number:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {len(idle)} of {number} connections were answered in 60 s")
        while len(waiting) < at_once and len(idle) + len(waiting) < number:
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            connection.sendall(request)
            waiting[connection.fileno()] = connection
            received[connection.fileno()] = b""
            poll.register(connection, select.EPOLLIN)
        for descriptor, _ in poll.poll(1):
            data = waiting[descriptor].recv(4096)
            if not data:
                raise SystemExit("a connection was closed instead of answered")
            received[descriptor] += data
            head, end, body = received[descriptor].partition(b"\r\n\r\n")
            if end and len(body) == 128:
                if not head.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"answered {head[:60]!r}")
                poll.unregister(descriptor)
                idle.append(waiting.pop(descriptor))
                del received[descriptor]
    poll.close()
    return idle
