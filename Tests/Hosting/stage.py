"""A machine of its own for a test of docs/hosting: network, processes and /etc that nobody else sees, so that files of the documents can be used
word for word, with their addresses, ports and paths."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTING = f"{ROOT}/docs/hosting"
CLIENTS = f"{ROOT}/Tests/System/Clients"


def enter():
    """Starts this program again in namespaces of its own, with what it was given."""
    if os.environ.get("STAGE_FOLDER"):
        return
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv],
            env=os.environ | {"STAGE_FOLDER": folder})
    sys.exit(done.returncode)


class Stage:
    def __init__(self, addresses, hosts):
        """
        - addresses: of this machine, each with the address that connections to it come from.
        - hosts: names, each with its address.
        """
        self.folder = os.environ["STAGE_FOLDER"]
        self.children, self.faults = {}, []
        run("ip", "link", "set", "lo", "up")
        for address in {*addresses, *addresses.values()}:
            run("ip", "address", "add", f"{address}/32", "dev", "lo")
        for address, source in addresses.items():
            run("ip", "route", "replace", "local", address, "dev", "lo", "table", "local", "src", source)
        # /etc takes what is written here and nothing of it stays.
        run("mount", "-t", "tmpfs", "stage", self.folder)
        for name in ("upper", "work"):
            os.mkdir(f"{self.folder}/{name}")
        run("mount", "-t", "overlay", "etc", "-o", f"lowerdir=/etc,upperdir={self.folder}/upper,workdir={self.folder}/work", "/etc")
        with open("/etc/hosts", "a") as file:
            file.writelines(f"{address} {name}\n" for name, address in hosts.items())

    def fault(self, text):
        self.faults.append(text)
        print(f"FAULT {text}", flush=True)

    def start(self, name, *command, environment=None):
        log = open(f"{self.folder}/{name}.log", "ab")
        self.children[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=os.environ | (environment or {}))
        return self.children[name]

    def log(self, name):
        with open(f"{self.folder}/{name}.log", errors="replace") as file:
            return file.read()

    def end(self):
        # Who reads of a failure may see the end alone: there stands what is wrong.
        if self.faults:
            for name in self.children:
                print(f"--- {name}\n{self.log(name)[-3000:]}")
        print("\n".join([*self.faults, f"{len(self.faults)} faults"]), flush=True)
        for child in self.children.values():
            child.kill()
        sys.exit(1 if self.faults else 0)

    def until(self, what, true, seconds=30):
        """Waits until `true` says so; whatever it raises counts as no. Without it nothing that follows makes sense, so it is the end."""
        end = time.monotonic() + seconds
        reason = None
        while time.monotonic() < end:
            try:
                if true():
                    return
            except Exception as error:
                reason = error
            time.sleep(0.05)
        self.fault(f"not within {seconds} s: {what} ({reason})")
        self.end()


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def accepts(address, port):
    with socket.create_connection((address, port), timeout=1):
        return True


def tls(authority):
    return ssl.create_default_context(cafile=authority)
