"""Runs the blocks marked `shell` of docs/hosting/README.md, from nothing to three nodes on machines: what is for each of the three machines three
times, each time with the address and the name of that machine. In the place of `systemctl` and `ssh` stands this program, which starts what units of
Debian and of docs/hosting/systemd say, and carries connections; the packages that `apt-get` would bring are here already.

Everything happens in a stage: /etc, /usr and /var/lib are overlays in memory.

usage: machines.py PICO PICO-TOP
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import stage

UNITS = ("/etc/systemd/system", "/lib/systemd/system")
MACHINES = {"node-1": "10.0.0.11", "node-2": "10.0.0.12", "node-3": "10.0.0.13"}


# MARK: In the place of systemctl


def running():
    path = f"{os.environ['STAGE_FOLDER']}/running.json"
    return json.load(open(path)) if os.path.exists(path) else {}


def environment_of(unit, prefix, instance):
    """What ExecStart finds in its environment."""
    found = dict(os.environ)
    for key, value in re.findall(r"(?m)^(Environment|EnvironmentFile)=(.*)$", unit):
        value = value.replace("%p", prefix).replace("%i", instance).replace("%H", "machine")
        if key == "Environment":
            found |= dict(word.split("=", 1) for word in shlex.split(value))
        elif os.path.exists(path := value.removeprefix("-")):
            found |= dict(line.split("=", 1) for line in open(path).read().splitlines() if re.match(r"\w+=", line))
    return found


def start(name, machine):
    prefix, _, instance = name.partition("@")
    file = f"{prefix}@.service" if instance else f"{prefix}.service"
    unit = next(open(f"{folder}/{file}").read() for folder in UNITS if os.path.exists(f"{folder}/{file}"))
    environment = environment_of(unit, prefix, instance)
    words = re.search(r"(?m)^ExecStart=(.*)$", unit).group(1).replace("%i", instance)
    command = re.sub(r"\$(\w+)", lambda match: environment.get(match[1], ""), words).split()
    folder = os.environ["STAGE_FOLDER"]
    if prefix == "etcd":
        # Each machine has a folder of that name. On architectures that etcd's authors do not test, it starts only if told that this is known.
        environment |= {"ETCD_DATA_DIR": f"{folder}/{environment['ETCD_NAME']}"}
        if os.uname().machine == "aarch64":
            environment |= {"ETCD_UNSUPPORTED_ARCH": "arm64"}
    elif prefix == "haproxy":
        # No systemd waits to be told.
        command[command.index("-Ws")] = "-W"
    elif prefix == "pico-server":
        environment |= {"PICO_DRAIN_DELAY": "3s"}
    log = open(f"{folder}/{name} {machine}.log", "ab")
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    noted = running() | {f"{name} {machine}": process.pid}
    with open(f"{folder}/running.json", "w") as file:
        json.dump(noted, file)


def stop(name, machine):
    pid = running().get(f"{name} {machine}")
    if pid is None or not os.path.exists(f"/proc/{pid}"):
        return
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0] != "Z":
        assert time.monotonic() < end, f"{name} does not end"
        time.sleep(0.05)


def systemctl(verb, *words):
    assert verb in ("daemon-reload", "start", "stop", "restart", "enable"), verb
    for name in words:
        if name.startswith("--"):
            continue
        if verb in ("stop", "restart"):
            stop(name, os.environ["MACHINE"])
        if verb in ("start", "restart") or verb == "enable" and "--now" in words:
            start(name, os.environ["MACHINE"])


# MARK: In the place of ssh


def carry(local, address, port):
    """What `ssh -f -N -L` does, but for the encryption."""
    listening = socket.create_server(("localhost", int(local)))
    if os.fork():
        os._exit(0)
    # Whoever waits for the end of the output of the block would wait for this.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    while True:
        near, _ = listening.accept()
        far = socket.create_connection((address, int(port)))
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=pass_on, args=(one, other), daemon=True).start()


def pass_on(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass


# MARK: The page


def overlay(here, path):
    """What is written there stays in the stage."""
    place = f"{here.folder}/over{path.replace('/', '-')}"
    for name in ("upper", "work"):
        os.makedirs(f"{place}/{name}")
    stage.run("mount", "-t", "overlay", "over", "-o", f"lowerdir={path},upperdir={place}/upper,workdir={place}/work", path)


def main():
    pico, top = map(os.path.realpath, sys.argv[1:3])
    here = stage.Stage(
        {"10.0.0.2": "203.0.113.7"} | {address: "10.0.0.2" for address in MACHINES.values()},
        {name: "10.0.0.2" for name in ("pico.example.com", "web.pico.example.com")})
    for path in ("/usr", "/var/lib"):
        overlay(here, path)
    sources = f"{here.folder}/sources"
    shutil.copytree(stage.HOSTING, f"{sources}/docs/hosting")
    # Where this machine has no more descriptors to give, fewer connections have to do.
    config = f"{sources}/docs/hosting/proxies/haproxy.cfg"
    text = open(config).read()
    with open(config, "w") as file:
        file.write(re.sub(r"(?m)^( *maxconn) \d+$", r"\1 4000", text))
    os.makedirs(f"{sources}/.build/release")
    for program, name in ((pico, "pico"), (top, "pico-top")):
        os.symlink(program, f"{sources}/.build/release/{name}")
    os.mkdir(f"{here.folder}/bin")
    for name in ("systemctl", "apt-get", "ssh"):
        with open(f"{here.folder}/bin/{name}", "w") as file:
            file.write(f'#!/bin/sh\nexec {sys.executable} {os.path.abspath(__file__)} --as {name} "$@"\n')
        os.chmod(f"{here.folder}/bin/{name}", 0o755)
    here.start("service", sys.executable, f"{stage.CLIENTS}/upstream.py", "3000", "service")
    blocks = re.findall(r"^```shell\n(.*?)^```", open(f"{stage.HOSTING}/README.md").read(), re.M | re.S)
    if len(blocks) != 8:
        here.fault(f"{len(blocks)} blocks of the page are for machines")
        here.end()
    secrets, etcd, node, front, look, agent, metrics, restart = blocks
    environment = os.environ | {"PATH": f"{here.folder}/bin:{os.environ['PATH']}:/usr/sbin", "SWIFT_BACKTRACE": "enable=no", "NO_COLOR": "1"}

    def end():
        for name, pid in running().items():
            log = f"{here.folder}/{name}.log"
            if here.faults and os.path.exists(log):
                print(f"--- {name}\n{open(log, errors='replace').read()[-2000:]}")
        here.end()

    def execute(block, machine="a machine"):
        if machine in MACHINES:
            address = MACHINES[machine]
            # Where it says who it is, and not where it says who all are.
            block = "".join(
                line if line.startswith("ETCD_INITIAL_CLUSTER=") else line.replace("10.0.0.11", address).replace("=node-1\n", f"={machine}\n")
                for line in block.splitlines(keepends=True))
            # The three have one /etc here.
            block = block.replace("groupadd --system", "groupadd --system --force")
        done = subprocess.run(
            ["sh", "-eu", "-c", block], cwd=sources, capture_output=True, text=True, env=environment | {"MACHINE": machine}, timeout=90)
        if done.returncode:
            here.fault(f"{machine}: {block}\nends with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
            end()
        return done.stdout

    def answers(*words):
        done = subprocess.run(["curl", "-sf", "--cacert", f"{sources}/secrets/ca.pem", *words], capture_output=True, text=True)
        return done.returncode == 0 and done.stdout

    execute(secrets)
    for block in (etcd, node):
        for machine in MACHINES:
            execute(block, machine)
    for address in MACHINES.values():
        here.until(f"{address} is ready", lambda: answers(f"http://{address}:8080/pico/v1/ready"))
    execute(front)
    here.until("a node through HAProxy", lambda: answers("https://pico.example.com/pico/v1/ready"))
    seen = execute(look)
    if any(f"{address}:8080" not in seen for address in MACHINES.values()):
        here.fault(f"not all nodes are shown: {seen}")
    # A person is slower than the agent: the last line waits for it.
    before, _, ask = agent.rstrip().rpartition("\n")
    execute(before)
    url = ask.split()[-1]
    here.until("the service answers", lambda: answers(url))
    execute(ask.replace("curl", "curl --fail"))
    execute(metrics)
    own = next(line for line in node.splitlines() if line.startswith("printf"))
    for machine, address in MACHINES.items():
        # What differs from machine to machine is in the one /etc that there is here.
        execute(f"{own}\n{restart}", machine)
        here.until(f"{address} is ready again", lambda: answers(f"http://{address}:8080/pico/v1/ready"))
        execute(ask.replace("curl", "curl --fail"))
    for name in ("server.yaml", "links.key", "agent.token", "agents/web.yaml"):
        fact = os.stat(f"/etc/pico/{name}")
        if fact.st_mode & 0o777 != 0o640 or fact.st_gid == 0:
            here.fault(f"/etc/pico/{name} has mode {fact.st_mode & 0o777:o} and group {fact.st_gid}")
    end()


if sys.argv[1] == "--as":
    if sys.argv[2] == "systemctl":
        systemctl(*sys.argv[3:])
    elif sys.argv[2] == "ssh":
        carry(*sys.argv[sys.argv.index("-L") + 1].split(":"))
else:
    stage.enter()
    main()
