"""Checks of what pico-top prints and writes, and of how it gets in. Run by top_checks.py."""

import base64
import csv
import io
import json
import os
import re
import stat
import subprocess
import time

from top_terminal import PATIENCE, ROW, TOP, Server, Terminal, quit, top

# Without a terminal


def head():
    with Server("--endpoints", 50) as server:
        for options in ("--watch --interval 100ms", "--watch --interval 100ms --format ndjson", "--once"):
            result = subprocess.run(
                ["bash", "-c", f"'{TOP}' {server.url} {options} | head -1; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True, timeout=PATIENCE,
                env={**os.environ, "HOME": "/nonexistent"})
            lines = result.stdout.splitlines()
            assert lines[-1] == "0" and len(lines) == 2 and result.stderr == "", (options, result)


def plain():
    def run(*options, code=0):
        result = subprocess.run([TOP, *options], capture_output=True, timeout=PATIENCE, env={**os.environ, "HOME": "/nonexistent", "TERM": "xterm"})
        assert result.returncode == code, (options, result)
        assert not [byte for byte in result.stdout + result.stderr if byte < 32 and byte != 10 or byte == 127], result
        return result.stdout.decode(), result.stderr.decode()

    with Server("--endpoints", 40, "--names", "evil") as server, Server("--endpoints", 2, "--node", "n-2") as other:
        text, _ = run(server.url, "--once", "--filter", "name~00000[12]$", "--sort", "name")
        assert [line.split()[0] for line in text.splitlines()] == ["ENDPOINT", "endpoint-000001", "endpoint-000002"], text
        text, _ = run(server.url, "--format", "csv", "--sort", "-rate")
        rows = list(csv.DictReader(io.StringIO(text)))
        rates = [float(row["rate"]) for row in rows]
        assert len(rows) == 40 and rates == sorted(rates, reverse=True), rates
        text, _ = run(server.url, "--once", "--format", "ndjson")
        rows = [json.loads(line) for line in text.splitlines()]
        assert len(rows) == 40
        members = "id listeners nodes in_flight requests_total request_rate error_rate status latency_ms bytes_in_rate bytes_out_rate".split()
        assert all(set(members) <= set(row) for row in rows), rows[0]
        text, _ = run(server.url, other.url, "--format", "json")
        servers = json.loads(text)["servers"]
        assert [len(one["endpoints"]) for one in servers] == [40, 2] and servers[0]["nodes"] and servers[0]["totals"]
        text, _ = run(server.url, other.url, "--once")
        assert len(text.splitlines()) == 43 and "SERVER" in text and other.url in text
        free = other.port
    with Server("--endpoints", 2) as server:
        text, error = run(server.url, f"127.0.0.1:{free}", "--once")
        assert ROW in text and "refused" in error
    _, error = run(f"127.0.0.1:{free}", "--once", code=69)
    assert error.count("\n") == 1 and str(free) in error
    for name, code in {"plain-404": 65, "refused-401": 77, "newer": 65, "wrong-start": 65, "not-http": 65}.items():
        with Server("--fault", name) as server:
            run(server.url, "--once", code=code)


def token():
    with Server("--token", "good.token") as server, top(server, columns=120) as terminal:
        terminal.wait("401")
        quit(terminal)
        path = os.path.join(terminal.folder, "token")
        with open(path, "w") as file:
            file.write("wrong\n")
        with top(server, "--token-file", path, columns=120) as second:
            second.wait("401")
            # Put right while it runs.
            with open(path, "w") as file:
                file.write("good.token\n")
            second.wait(ROW)
            quit(second)
        # Never in the clear to another machine; 192.0.2.1 is nobody's.
        with top("192.0.2.1:81", "--token-file", path, columns=120) as third:
            third.wait("unencrypted")
            quit(third)


def tls():
    folder = f"tls-{os.getpid()}"
    os.mkdir(folder)

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        with open(f"{folder}/{name}.ext", "w") as file:
            file.write("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile",
                f"{name}.ext")

    def path(name):
        return os.path.abspath(os.path.join(folder, name))

    with Server("--tls", path("server.pem"), path("server.key"), "--client-ca", path("ca.pem")) as server:
        url = f"wss://localhost:{server.port}"
        mine = ["--cert", path("client.pem"), "--key", path("client.key")]

        def run(url, *options):
            return subprocess.run([TOP, url, "--once", *options], capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, "HOME": "/nonexistent"})

        good = run(url, "--ca", path("ca.pem"), *mine)
        assert good.returncode == 0 and ROW in good.stdout, good
        for options, word in [([*mine], "TLS"), (["--ca", path("ca.pem")], "")]:
            bad = run(url, *options)
            assert bad.returncode == 69 and word in bad.stderr and len(bad.stderr.splitlines()) == 1, bad
        # The certificate is for the name alone.
        bad = run(f"wss://127.0.0.1:{server.port}", "--ca", path("ca.pem"), *mine)
        assert bad.returncode == 69 and "TLS" in bad.stderr, bad


# Recordings


def recording():
    path = os.path.abspath(f"recording-{os.getpid()}.ndjson")
    with open(path, "w"):
        os.chmod(path, 0o644)
    with Server("--endpoints", 10, "--changes", 5) as server, top(server, "--record", path, "--interval", "200ms") as terminal:
        terminal.wait(ROW)
        terminal.settle(0.1)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            terminal.read()
        quit(terminal)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with Terminal([TOP, "--replay", path]) as terminal:
        terminal.wait(ROW)
        terminal.settle(0.5)
        assert terminal.text.count(ROW) == 10, terminal.text
        quit(terminal)
    with open(path, "a") as file:
        file.write('{"t":99999,"server":0,"mess')
    with Terminal([TOP, "--replay", path]) as terminal:
        terminal.wait(ROW)
        quit(terminal)
    with open(path, "w") as file:
        file.write("no recording\n")
    with Terminal([TOP, "--replay", path]) as terminal:
        assert terminal.ended() == 65
        assert b":1:" in terminal.output, terminal.output
    result = subprocess.run([TOP, "--once", "--record", "/nonexistent/file"], capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 64


def descriptions(folder):
    """pico.terminfo compiles to what is built in."""
    output = os.path.abspath(f"terminfo-{os.getpid()}")
    os.mkdir(output)
    subprocess.run(["tic", "-x", "-o", output, os.path.join(folder, "pico.terminfo")], check=True)
    with open(os.path.join(folder, "TerminalEntries.swift")) as file:
        source = file.read().replace("\\\n    ", "")
    for name in ("pico-direct", "pico-direct-plain", "pico-256"):
        with open(os.path.join(output, "p", name), "rb") as file:
            text = base64.b64encode(file.read()).decode()
        assert re.search(r"^ *" + re.escape(text) + "$", source, re.M), f"{name} differs"
