"""A network of its own: a bridge, and for each place (a node, a member of etcd) a namespace with one address that can be cut off."""

import ctypes
import os
import signal
import subprocess
import sys

HUB = "10.77.0.1"


def end_with_parent():
    """For a child: PR_SET_PDEATHSIG, so that nothing outlives a run that was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def enter():
    """Starts this program again in network and mount namespaces of its own, as root or as a user who may be root there."""
    if os.environ.get("FAULTS_INSIDE"):
        return
    os.environ["FAULTS_INSIDE"] = "1"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    os.execvp("unshare", ["unshare", *user, "--net", "--", sys.executable, *sys.argv])


def call(*words, inside=None):
    prefix = ["nsenter", f"--net=/proc/{inside}/ns/net", "--"] if inside else []
    subprocess.run([*prefix, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


class Place:
    """A namespace with one address."""

    def __init__(self, network, name, address):
        self.name, self.address = name, address
        self.keeper = subprocess.Popen(["unshare", "--net", "--", "sleep", "infinity"], preexec_fn=end_with_parent)
        network.until_apart(self.keeper.pid)
        call("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", self.keeper.pid)
        call("ip", "link", "set", name, "master", "bridge", "up")
        for words in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            call("ip", *words.split(), inside=self.keeper.pid)

    @property
    def prefix(self):
        return ["nsenter", f"--net=/proc/{self.keeper.pid}/ns/net", "--"]

    def cut(self, *others):
        """Nothing passes any more between this place and the others, without others nothing at all; nobody is told."""
        rules = ["add table inet cut", "add chain inet cut in { type filter hook input priority 0; }",
                 "add chain inet cut out { type filter hook output priority 0; }"]
        if others:
            addresses = "{ " + ", ".join(other.address for other in others) + " }"
            rules += [f"add rule inet cut in ip saddr {addresses} drop", f"add rule inet cut out ip daddr {addresses} drop"]
        else:
            rules += ["add rule inet cut in iifname eth0 drop", "add rule inet cut out oifname eth0 drop"]
        call("nft", "; ".join(rules), inside=self.keeper.pid)

    def heal(self):
        call("nft", "delete table inet cut", inside=self.keeper.pid)

    def end(self):
        self.keeper.send_signal(signal.SIGKILL)
        self.keeper.wait()


class Network:
    def __init__(self):
        self.places = []
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
            file.write("10000 65535")
        for words in ("link set lo up", "link add bridge type bridge", "link set bridge up", f"addr add {HUB}/24 dev bridge"):
            call("ip", *words.split())

    def place(self, name, number):
        self.places.append(Place(self, name, f"10.77.0.{number}"))
        return self.places[-1]

    @staticmethod
    def until_apart(pid):
        ours = os.readlink("/proc/self/ns/net")
        while True:
            try:
                if os.readlink(f"/proc/{pid}/ns/net") != ours:
                    return
            except OSError:
                pass

    def end(self):
        for place in self.places:
            place.end()
