"""Runs docs/hosting/compose with this machine's own programs: every service in a network and a root of its own, joined as compose.yaml says, the
nodes and agents in the image that docs/hosting/docker lays out, read-only and as the user that it names.

usage: compose.py PICO PICO_TOP
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys

import compose_spec
import stage
import yaml

stage.enter()
PICO, PICO_TOP = sys.argv[1:3]
FOLDER = f"{stage.HOSTING}/compose"
here = stage.Stage({}, {})
work = f"{here.folder}/compose"

with open(f"{FOLDER}/compose.yaml") as file:
    text = file.read()
compose_spec.PyCompose.from_json(json.dumps(yaml.safe_load(text)))  # which refuses what is no compose file
SERVICES = yaml.safe_load(text)["services"]
NETWORKS = yaml.safe_load(text)["networks"]


def check_file():
    """What one part of the file says of another, and of the files beside it."""
    for name, service in SERVICES.items():
        for other in service.get("depends_on", []):
            if other not in SERVICES:
                here.fault(f"{name} depends on {other}")
        for network in service["networks"]:
            if network not in NETWORKS:
                here.fault(f"{name} is in no network {network}")
        if service.get("restart") != "unless-stopped":
            here.fault(f"{name} does not come back")
        for source, target, _ in mounts(service):
            if source.startswith(".") and not os.path.exists(f"{work}/{source}"):
                # What belongs to the documents of metrics may not be here.
                (print if source.startswith("../") else here.fault)(f"{name}: there is no {source}")
    for name in ("node-1", "node-2", "node-3", "agent-1", "agent-2"):
        service = SERVICES[name]
        if not service["read_only"] or service["cap_drop"] != ["ALL"] or service["user"] != "65532:65532":
            here.fault(f"{name} may do too much")
    with open(f"{work}/server.yaml") as file:
        config = yaml.safe_load(file)
    if int(config["drain-delay"][:-1]) + int(config["grace-period"][:-1]) >= int(SERVICES["node-1"]["stop_grace_period"][:-1]):
        here.fault("nodes are killed before they are done")
    # HAProxy's configuration is the one of proxies/ but for names, ports and numbers, and for the user, who is the image's.
    def lines(path):
        with open(path) as file:
            return [re.sub(r"\d+", "N", line).strip() for line in file if line.strip() and not line.strip().startswith("#")]

    ours = [line for line in lines(f"{work}/haproxy.cfg") if not re.match(r"resolvers|parse-resolv-conf|hold|default-server|bind|server ", line)]
    theirs = [line for line in lines(f"{stage.HOSTING}/proxies/haproxy.cfg") if not re.match(r"default-server|bind|server |user |group ", line)]
    if ours != theirs:
        here.fault(f"haproxy.cfg differs from proxies/haproxy.cfg: {set(ours) ^ set(theirs)}")


def mounts(service):
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        yield source, target, mode


def check_image(image):
    """What is in it, and what is not."""
    files = {os.path.join(folder, name)[len(image):] for folder, _, names in os.walk(image) for name in names}
    for name in ("sh", "bash", "apt", "apt-get", "dpkg", "busybox", "python3"):
        if any(file.endswith(f"/{name}") for file in files):
            here.fault(f"the image has {name}")
    size = sum(os.path.getsize(image + file) for file in files)
    print(f"the image has {len(files)} files, {size / 1e6:.0f} MB")


def check_dockerfile():
    folder = f"{stage.HOSTING}/docker"
    done = subprocess.run([f"{os.path.dirname(sys.executable)}/hadolint", f"{folder}/Dockerfile"], capture_output=True, text=True)
    if done.returncode:
        here.fault(f"hadolint: {done.stdout}{done.stderr}")
    with open(f"{folder}/Dockerfile") as file:
        sources = [word for line in file if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]]
    with open(f"{folder}/Dockerfile.dockerignore") as file:
        let_in = [line[1:].strip() for line in file if line.startswith("!")]
    for source in sources:
        if not os.path.exists(f"{stage.ROOT}/{source}") or source not in let_in:
            here.fault(f"Dockerfile copies {source}, which is not there or left out")


class Containers:
    """Each service in a network namespace of its own, with an address in each of its networks, which are bridges."""

    PROGRAMS = {"haproxy": ["haproxy", "-W", "-f", "/usr/local/etc/haproxy/haproxy.cfg"], "nginx": ["python3", "-m", "http.server", "80"]}

    def __init__(self, image):
        self.image, self.addresses = image, {}
        # Where the outer world is: the ports that compose.yaml publishes.
        for number, (network, settings) in enumerate(NETWORKS.items()):
            stage.run("ip", "link", "add", f"br{number}", "type", "bridge")
            stage.run("ip", "address", "add", f"172.30.{80 + number}.1/24", "dev", f"br{number}")
            stage.run("ip", "link", "set", f"br{number}", "up")
            subnet = ((settings or {}).get("ipam") or {}).get("config")
            if subnet and subnet[0]["subnet"] != f"172.30.{80 + number}.0/24":
                here.fault(f"{network} is {subnet}")
        for host, (name, service) in enumerate(SERVICES.items(), start=11):
            self.addresses[name] = {network: f"172.30.{80 + list(NETWORKS).index(network)}.{host}" for network in service["networks"]}

    def hosts(self, name):
        """What Docker's names would say in this container."""
        result = {}
        for other, service in SERVICES.items():
            for network in set(self.addresses[name]) & set(self.addresses[other]):
                settings = service["networks"][network] if isinstance(service["networks"], dict) else None
                for alias in [other, *((settings or {}).get("aliases") or [])]:
                    result.setdefault(alias, self.addresses[other][network])
        return "127.0.0.1 localhost\n" + "".join(f"{address} {alias}\n" for alias, address in result.items())

    def start(self, name):
        service = SERVICES[name]
        is_pico = service["image"].startswith("pico:")
        root = f"{here.folder}/roots/{name}"
        for folder in ("lower", "upper", "work", "root"):
            os.makedirs(f"{root}/{folder}")
        lower = self.image if is_pico else "/"
        stage.run("mount", "-t", "overlay", name, "-o", f"lowerdir={lower},upperdir={root}/upper,workdir={root}/work", f"{root}/root")
        inside = f"{root}/root"
        with open(f"{inside}/etc/hosts", "w") as file:
            file.write(self.hosts(name))
        for source, target, mode in mounts(service):
            path = f"{work}/{source}" if source.startswith(".") else f"{root}/{source}"
            if not source.startswith("."):
                os.makedirs(path, exist_ok=True)
            if os.path.isdir(path):
                os.makedirs(inside + target, exist_ok=True)
            else:
                os.makedirs(os.path.dirname(inside + target), exist_ok=True)
                open(inside + target, "a").close()
            stage.run("mount", "--bind", path, inside + target)
        for path in ("proc", "dev"):
            os.makedirs(f"{inside}/{path}", exist_ok=True)
            stage.run("mount", "--rbind", f"/{path}", f"{inside}/{path}")
        if service.get("read_only"):
            stage.run("mount", "-o", "remount,ro,bind", inside)
        if name not in self.namespaces():
            stage.run("ip", "netns", "add", name)
            for index, (network, address) in enumerate(self.addresses[name].items()):
                stage.run("ip", "link", "add", f"{name[:9]}-{index}", "type", "veth", "peer", "name", f"eth{index}", "netns", name)
                stage.run("ip", "link", "set", f"{name[:9]}-{index}", "master", f"br{list(NETWORKS).index(network)}", "up")
                stage.run("ip", "-n", name, "address", "add", f"{address}/24", "dev", f"eth{index}")
                stage.run("ip", "-n", name, "link", "set", f"eth{index}", "up")
            stage.run("ip", "-n", name, "link", "set", "lo", "up")
        command = (["/usr/bin/pico"] if is_pico else []) + (service.get("command") or self.PROGRAMS[service["image"].split(":")[0]])
        user = ["--userspec=65532:65532"] if is_pico else []
        here.start(name, "ip", "netns", "exec", name, "chroot", *user, inside, *command, environment=service.get("environment"))

    def namespaces(self):
        return stage.run("ip", "netns", "list").split()


def ask(address, host):
    link = http.client.HTTPSConnection(host, 8443, context=stage.tls(f"{work}/secrets/ca.pem"), timeout=5)
    link._create_connection = lambda _, timeout, source: __import__("socket").create_connection((address, 8443), timeout)
    link.request("GET", "/")
    return link.getresponse()


def main():
    for name in ("compose", "secrets.sh", "proxies"):
        (shutil.copytree if os.path.isdir(f"{stage.HOSTING}/{name}") else shutil.copy)(f"{stage.HOSTING}/{name}", f"{here.folder}/{name}")
    shutil.rmtree(f"{work}/secrets", ignore_errors=True)
    stage.run("sh", f"{work}/prepare.sh", env=os.environ | {"PATH": f"{os.path.dirname(PICO)}:{os.environ['PATH']}"})
    check_file()
    check_dockerfile()
    image = f"{here.folder}/image"
    stage.run("sh", f"{stage.HOSTING}/docker/image.sh", image, PICO, PICO_TOP)
    check_image(image)
    os.makedirs("/run/netns", exist_ok=True)
    stage.run("mount", "-t", "tmpfs", "netns", "/run/netns")
    containers = Containers(image)
    for name in ("etcd", "node-1", "node-2", "node-3", "haproxy", "site", "agent-1", "agent-2"):
        containers.start(name)
    front = containers.addresses["haproxy"]["edge"]
    here.until("an answer of the site", lambda: ask(front, "web.pico.localhost").status == 200)

    def listeners(name):
        """By Prometheus's way: without a token, by the name that it uses."""
        link = http.client.HTTPConnection(containers.addresses[name]["nodes"], 8081, timeout=3)
        link.request("GET", "/metrics", headers={"Host": f"{name}:8081"})
        return sum(int(float(line.split()[-1])) for line in link.getresponse().read().decode().splitlines() if re.match(r"pico_listeners[ {]", line))

    for words in (["/usr/bin/pico", "status", "--help"], ["/usr/bin/pico-top", "--help"]):
        done = subprocess.run(["chroot", "--userspec=65532:65532", f"{here.folder}/roots/node-1/root", *words], capture_output=True, text=True)
        if done.returncode:
            here.fault(f"in the image: {done}")
    here.until("two listeners on three nodes", lambda: sum(listeners(f"node-{n}") for n in (1, 2, 3)) == 2)
    link = http.client.HTTPConnection(containers.addresses["node-1"]["nodes"], 8081, timeout=3)
    with open(f"{work}/secrets/operator.token") as file:
        link.request("GET", "/status/v1", headers={"Authorization": f"Bearer {file.read().strip()}"})
    if "nodes" not in json.loads(link.getresponse().read()):
        here.fault("the operator's token shows no status")
    # HAProxy may have found some not ready while they started, and tells when they are.
    def is_up(server):
        told = [line for line in here.log("haproxy").splitlines() if f"Server nodes/{server} is " in line]
        return not told or " is UP" in told[-1]

    here.until("HAProxy has all nodes", lambda: all(is_up(f"node-{n}") for n in (1, 2, 3)))
    # A node ends: HAProxy takes it out, its agents move, the site goes on.
    here.children["node-1"].terminate()
    lost = sum(ask(front, "web.pico.localhost").status != 200 for _ in range(200))
    if here.children["node-1"].wait(40) != 0 or lost:
        here.fault(f"a node that ends: {here.children['node-1'].returncode}, {lost} requests lost")
    here.end()


main()
