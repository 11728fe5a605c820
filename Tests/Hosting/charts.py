"""Renders the charts of docs/hosting with Helm's own engine and holds what comes out against Kubernetes' schemas, against Pico itself and
against each other.

usage: charts.py PICO [--write]        --write makes docs/hosting/kubernetes anew
"""

import copy
import os
import re
import subprocess
import sys
import tempfile

import helm_python as helm
import jsonschema
import kubernetes_validate
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOSTING = f"{ROOT}/docs/hosting"
# The oldest that the charts say they work with, and the newest that schemas are known of.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]
faults = []


def fault(text):
    faults.append(text)
    print(f"FAULT {text}")


def of(properties, *required):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TEXT, TEXTS, OBJECT = {"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "object"}
SECRET_KEY = of({"name": TEXT, "key": TEXT}, "name", "key")
DURATION = {"type": "string", "pattern": r"^(\d+(ms|s|m|h))+$"}
LABELS = of({"matchLabels": OBJECT}, "matchLabels")
# Kinds that are no part of Kubernetes: the fields of their published definitions that the charts use.
OTHERS = {
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): of({
        "parentRefs": {"type": "array", "minItems": 1, "items": of(
            {"name": TEXT, "namespace": TEXT, "sectionName": TEXT, "port": {"type": "integer"}, "kind": TEXT, "group": TEXT}, "name")},
        "hostnames": TEXTS,
        "rules": {"type": "array", "minItems": 1, "items": of({
            "matches": {"type": "array", "items": of({"path": of({"type": {"enum": ["Exact", "PathPrefix", "RegularExpression"]}, "value": TEXT})})},
            "backendRefs": {"type": "array", "items": of({"name": TEXT, "port": {"type": "integer"}}, "name", "port")},
            "timeouts": of({"request": DURATION, "backendRequest": DURATION})})}}, "parentRefs", "rules"),
    ("cert-manager.io/v1", "Certificate"): of({
        "secretName": TEXT, "duration": DURATION, "renewBefore": DURATION, "dnsNames": TEXTS,
        "privateKey": of({"algorithm": {"enum": ["RSA", "ECDSA", "Ed25519"]}, "size": {"type": "integer"}, "rotationPolicy": {"enum": ["Never", "Always"]}}),
        "usages": {"type": "array", "items": {"enum": ["digital signature", "key encipherment", "server auth", "client auth"]}},
        "issuerRef": of({"group": TEXT, "kind": TEXT, "name": TEXT}, "name")}, "secretName", "issuerRef", "dnsNames"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): of({
        "selector": LABELS,
        "endpoints": {"type": "array", "minItems": 1, "items": of({
            "port": TEXT, "path": TEXT, "interval": DURATION, "scheme": {"enum": ["http", "https"]},
            "tlsConfig": of({"serverName": TEXT, "ca": of({"secret": SECRET_KEY}), "cert": of({"secret": SECRET_KEY}), "keySecret": SECRET_KEY}),
            "authorization": of({"type": TEXT, "credentials": SECRET_KEY}, "credentials")}, "port")}}, "selector", "endpoints"),
    ("monitoring.coreos.com/v1", "PodMonitor"): of({
        "selector": LABELS, "podMetricsEndpoints": {"type": "array", "minItems": 1, "items": of({"port": TEXT, "path": TEXT, "interval": DURATION}, "port")}},
        "selector", "podMetricsEndpoints"),
    ("monitoring.coreos.com/v1", "PrometheusRule"): of({
        "groups": {"type": "array", "minItems": 1, "items": of({
            "name": TEXT, "interval": DURATION, "rules": {"type": "array", "minItems": 1, "items": of({
                "alert": TEXT, "record": TEXT, "expr": TEXT, "for": DURATION, "keep_firing_for": DURATION, "labels": OBJECT, "annotations": OBJECT},
                "expr")}}, "name", "rules")}}, "groups"),
}


def render(chart, values, name="pico", namespace="edge"):
    with helm.Chart.load(f"{HOSTING}/helm/{chart}") as loaded:
        loaded.validate_schema(values)
        return loaded.render(values, name=name, namespace=namespace)


def documents(rendered):
    for path, text in sorted(rendered.items()):
        if not path.endswith(".txt"):
            yield from (document for document in yaml.safe_load_all(text) if document)


def check_schema(where, document):
    name = f"{where}: {document['kind']} {document['metadata']['name']}"
    other = OTHERS.get((document["apiVersion"], document["kind"]))
    if other:
        for error in jsonschema.Draft202012Validator(other).iter_errors(document["spec"]):
            fault(f"{name}: {error.json_path} {error.message}")
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            fault(f"{name}: Kubernetes {version}: {error.message} at {list(getattr(error, 'path', []))}")


def matches(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


def check_names(where, all_documents):
    """What one object says of another has to be so: selectors, ports, ConfigMaps, mounted files."""
    workloads = [d for d in all_documents if d["kind"] in ("StatefulSet", "Deployment")]
    services = {d["metadata"]["name"]: d for d in all_documents if d["kind"] == "Service"}
    maps = {d["metadata"]["name"] for d in all_documents if d["kind"] == "ConfigMap"}
    accounts = {d["metadata"]["name"] for d in all_documents if d["kind"] == "ServiceAccount"}
    namespaces = {d["metadata"].get("namespace") for d in all_documents}
    if len(namespaces) != 1:
        fault(f"{where}: objects in namespaces {namespaces}")

    def selected(selector, by):
        found = [w for w in workloads if matches(selector, w["spec"]["template"]["metadata"]["labels"])]
        if len(found) != 1:
            fault(f"{where}: {by} selects {[w['metadata']['name'] for w in found]}")
        return found[0] if found else None

    def ports(workload):
        return {p["name"]: p["containerPort"] for c in workload["spec"]["template"]["spec"]["containers"] for p in c["ports"]}

    for workload in workloads:
        name, spec = workload["metadata"]["name"], workload["spec"]["template"]["spec"]
        if not matches(workload["spec"]["selector"]["matchLabels"], workload["spec"]["template"]["metadata"]["labels"]):
            fault(f"{where}: {name} does not select its own pods")
        if workload["kind"] == "StatefulSet" and workload["spec"]["serviceName"] not in services:
            fault(f"{where}: {name} has no Service {workload['spec']['serviceName']}")
        if spec.get("serviceAccountName", "default") not in accounts | {"default"}:
            fault(f"{where}: {name} has no ServiceAccount {spec['serviceAccountName']}")
        volumes = {v["name"]: v for v in spec.get("volumes", [])} | {
            v["metadata"]["name"]: v for v in workload["spec"].get("volumeClaimTemplates", [])}
        for volume in volumes.values():
            if "configMap" in volume and volume["configMap"]["name"] not in maps:
                fault(f"{where}: {name} mounts no ConfigMap {volume['configMap']['name']}")
        if spec["securityContext"].get("runAsNonRoot") is not True or spec.get("automountServiceAccountToken") is not False:
            fault(f"{where}: {name} may be root, or has a token")
        for container in spec["containers"]:
            for mount in container["volumeMounts"]:
                if mount["name"] not in volumes:
                    fault(f"{where}: {name} mounts no volume {mount['name']}")
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                if container[kind]["httpGet"]["port"] not in ports(workload):
                    fault(f"{where}: {name}: {kind} asks no port of the pod")
            security = container["securityContext"]
            if security != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}:
                fault(f"{where}: {name}: {security}")
            numbers = [p["containerPort"] for p in container["ports"]]
            if len(set(numbers)) != len(numbers):
                fault(f"{where}: {name}: one port for two things: {numbers}")
    for document in all_documents:
        kind, name, spec = document["kind"], document["metadata"]["name"], document.get("spec", {})
        if kind == "Service":
            workload = selected(spec["selector"], f"Service {name}")
            for port in spec["ports"]:
                if workload and port["targetPort"] not in ports(workload):
                    fault(f"{where}: Service {name} leads to no port {port['targetPort']}")
        elif kind == "PodDisruptionBudget":
            selected(spec["selector"]["matchLabels"], f"PodDisruptionBudget {name}")
        elif kind == "NetworkPolicy":
            workload = selected(spec["podSelector"]["matchLabels"], f"NetworkPolicy {name}")
            for rule in spec.get("ingress", []):
                for port in rule["ports"]:
                    if workload and port["port"] not in ports(workload):
                        fault(f"{where}: NetworkPolicy {name}: no port {port['port']}")
        elif kind == "HorizontalPodAutoscaler":
            if spec["scaleTargetRef"]["name"] not in {w["metadata"]["name"] for w in workloads}:
                fault(f"{where}: {name} scales nothing")
        elif kind in ("ServiceMonitor", "PodMonitor"):
            labels = spec["selector"]["matchLabels"]
            found = [s for s in services.values() if matches(labels, s["metadata"]["labels"])] if kind == "ServiceMonitor" else [selected(labels, kind)]
            port = (spec.get("endpoints") or spec["podMetricsEndpoints"])[0]["port"]
            offered = [p["name"] for p in found[0]["spec"]["ports"]] if kind == "ServiceMonitor" and found else list(ports(found[0]))
            if len(found) != 1 or port not in offered:
                fault(f"{where}: {kind} {name} finds {len(found)}, port {port}")
        elif kind == "Ingress":
            for rule in spec["rules"]:
                service = rule["http"]["paths"][0]["backend"]["service"]
                if service["port"]["number"] not in [p["port"] for p in services[service["name"]]["spec"]["ports"]]:
                    fault(f"{where}: Ingress {name} leads nowhere")
        elif kind == "HTTPRoute":
            for backend in spec["rules"][0]["backendRefs"]:
                if backend["port"] not in [p["port"] for p in services[backend["name"]]["spec"]["ports"]]:
                    fault(f"{where}: HTTPRoute {name} leads nowhere")


def check_pico(where, all_documents, pico):
    """The configuration in the ConfigMap, with the pod's environment, is one that `pico` takes; each file that it names is in a mounted folder."""
    texts = {key: text for d in all_documents if d["kind"] == "ConfigMap" for key, text in d["data"].items()}
    for workload in all_documents:
        for container in workload["spec"]["template"]["spec"]["containers"] if workload["kind"] in ("StatefulSet", "Deployment") else []:
            if container["name"] not in ("pico", "agent"):
                continue
            kind, _, file = container["args"]
            text = texts[os.path.basename(file)]
            given = {"POD_NAME": "pico-0", "POD_IP": "2001:db8::7" if where.endswith("gateway.yaml") else "10.1.2.3", "PICO_AGENT_ID": "pico-agent-1"}
            environment = {}
            for variable in container["env"]:
                value = variable.get("value", given.get(variable["name"], ""))
                environment[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda m: environment[m.group(1)], value)
            config = yaml.safe_load(text)
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as written:
                written.write(text)
                written.flush()
                done = subprocess.run([pico, "config", "check", kind, written.name], capture_output=True, text=True, env=environment)
            warnings = [line for line in done.stderr.splitlines() if "without authentication" not in line]
            if done.returncode or warnings:
                fault(f"{where}: pico {kind}: {done.stdout}{done.stderr}")
            mounts = [m["mountPath"] + "/" for m in container["volumeMounts"]]
            for path in re.findall(r"/etc/pico/\S+", text) + [file]:
                if not any(path.startswith(m) and "/" not in path[len(m):] for m in mounts):
                    fault(f"{where}: {path} is mounted nowhere")
            if kind == "server":
                seconds = sum(int(config[key][:-1]) for key in ("drain-delay", "grace-period"))
                seconds += container.get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})["preStop"]["sleep"]["seconds"]
                given = workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
                if given <= seconds:
                    fault(f"{where}: killed after {given} s, needs {seconds}")


BASE = {
    "image": {"repository": "example/pico"}, "proxy": {"auth": {"allowAnonymous": True}}, "upstream": {"auth": {"allowAnonymous": True}},
    "admin": {"auth": {"allowAnonymous": True}}, "cluster": {"secret": {"name": "s"}, "tls": {"secret": "t"}},
}
# Values, and what the refusal has to say.
REFUSED = [
    ({"image": {"repository": ""}}, "image.repository: say where"),
    ({"proxy": {"auth": {"allowAnonymous": False}}}, "proxy.auth: the proxy port is open"),
    ({"upstream": {"auth": {"allowAnonymous": False}}}, "upstream.auth: the upstream port is open"),
    ({"admin": {"auth": {"allowAnonymous": False}}}, "admin.auth: the admin port is open"),
    ({"ingress": {"enabled": True, "hosts": ["a.example"]}}, "proxy.trustedProxies: required with ingress.enabled"),
    ({"gateway": {"enabled": True, "parentRefs": [{"name": "g"}]}}, "proxy.trustedProxies: required with gateway.enabled"),
    ({"service": {"type": "LoadBalancer"}}, "proxy.trustedProxies: required with service.type=LoadBalancer"),
    ({"ingress": {"enabled": True}, "proxy": {"trustedProxies": ["10.0.0.0/8"]}}, "ingress.hosts: required"),
    ({"gateway": {"enabled": True}, "proxy": {"trustedProxies": ["10.0.0.0/8"]}}, "gateway.parentRefs: required"),
    ({"proxy": {"trustedProxies": ["everybody"]}}, "trustedProxies"),
    ({"terminationGracePeriodSeconds": 75}, "terminationGracePeriodSeconds: 75 would cut requests"),
    ({"cluster": {"secret": {"name": ""}}}, "cluster.secret.name: a Secret"),
    ({"cluster": {"tls": {"secret": ""}}}, "cluster.tls.secret: a Secret"),
    ({"cluster": {"tls": {"certManager": {"enabled": True}}}}, "cluster.tls.certManager.issuer.name"),
    ({"cluster": {"enabled": False}}, "replicas: has to be 1"),
    ({"cluster": {"enabled": False}, "replicas": 1}, "etcd.enabled: has no use"),
    ({"etcd": {"enabled": False}}, "externalEtcd.endpoints: required"),
    ({"etcd": {"replicas": 2}}, "replicas"),
    ({"etcd": {"enabled": False}, "externalEtcd": {"endpoints": ["http://e:2379"], "username": "u"}}, "externalEtcd.passwordSecret.name"),
    ({"upstream": {"tls": {"secret": "other"}}}, "upstream.tls.secret: listeners register on the proxy port"),
    ({"prometheusRule": {"enabled": True}}, "--set-file prometheusRule.rules=docs/hosting/alerts/pico.yaml"),
    ({"prometheusRule": {"enabled": True, "rules": "nothing: here"}}, "no groups in it"),
    ({"dashboard": {"enabled": True}}, "--set-file dashboard.json=docs/hosting/dashboards/pico.json"),
    ({"autoscaling": {"enabled": True, "cpu": 0}}, "autoscaling: set cpu or listeners"),
    ({"replica": 3}, "replica"),
    ({"drain": {"delaySeconds": "10s"}}, "delaySeconds"),
]
AGENT_BASE = {"image": {"repository": "example/pico"}, "server": {"url": "https://pico.example.com"}, "listeners": [{"endpoint": "a", "upstream": "b:80"}]}
AGENT_REFUSED = [
    ({"image": {"repository": ""}}, "image.repository: say where"),
    ({"server": {"url": ""}}, "server.url: the server"),
    ({"server": {"url": "pico.example.com"}}, "url"),
    ({"listeners": []}, "listeners: the endpoints"),
    ({"listeners": [{"endpoint": "a b", "upstream": "b:80"}]}, "endpoint"),
]


def merged(base, over):
    result = copy.deepcopy(base)
    for key, value in over.items():
        result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) and isinstance(result.get(key, {}), dict) else value
    return result


def check_refusals(chart, base, cases):
    render(chart, base)  # which is good as it is
    for values, words in cases:
        try:
            render(chart, merged(base, values))
            fault(f"{chart}: {values} is taken, wanted: {words}")
        except helm.HelmError as error:
            if words not in str(error):
                fault(f"{chart}: {values}: wanted {words!r}, is {error}")


def check_chart(chart, pico):
    folder = f"{HOSTING}/helm/{chart}/ci"
    for name in sorted(os.listdir(folder)):
        with open(f"{folder}/{name}") as file:
            values = yaml.safe_load(file)
        report = helm.lint(f"{HOSTING}/helm/{chart}", values, strict=True, kube_version="v1.30.0", with_subcharts=True)
        for message in report["messages"]:
            if message["severity"] > 1:
                fault(f"{chart}/{name}: lint: {message}")
        found = list(documents(render(chart, values)))
        check(f"{chart}/{name}", found, pico)
        print(f"{chart} with {name}: {len(found)} objects")


def check(where, found, pico):
    for document in found:
        check_schema(where, document)
    check_names(where, found)
    check_pico(where, found, pico)


def check_hooks():
    """Alerts and dashboard reach their objects word for word, braces and all."""
    rules = 'groups:\n- name: pico\n  rules:\n  - alert: A\n    expr: up == 0\n    for: 1m\n    annotations: {summary: "{{ $labels.pod }} is down"}\n'
    board = '{"title": "{{ pod }}", "text": "a \\"quote\\" and $var"}'
    files = [(f"{HOSTING}/alerts/pico.yaml", "rules"), (f"{HOSTING}/dashboards/pico.json", "json")]
    given = [open(path).read() if os.path.exists(path) else text for (path, _), text in zip(files, (rules, board))]
    found = {d["kind"] + d["metadata"]["name"]: d for d in documents(render("pico", merged(BASE, {
        "prometheusRule": {"enabled": True, "rules": given[0]}, "dashboard": {"enabled": True, "json": given[1]}})))}
    rule, board = found["PrometheusRulepico"], found["ConfigMappico-dashboard"]
    check_schema("hooks", rule)
    check_schema("hooks", board)
    if rule["spec"]["groups"] != yaml.safe_load(given[0])["groups"] or board["data"]["pico.json"] != given[1]:
        fault("the alerts or the dashboard are changed on their way")


def plain(write, pico):
    """docs/hosting/kubernetes is what the charts make of the values there."""
    folder = f"{HOSTING}/kubernetes"
    with open(f"{folder}/kustomization.yaml") as file:
        listed = yaml.safe_load(file)["resources"]
    for chart, name, release in (("pico", "pico", "pico"), ("pico-agent", "agent", "pico-agent")):
        with open(f"{folder}/values/{name}.yaml") as file:
            values = yaml.safe_load(file)
        text = f"# Made by Tests/Hosting/charts.py from helm/{chart} and values/{name}.yaml; change those.\n"
        rendered = render(chart, values, name=release, namespace="pico")
        for path, manifest in sorted(rendered.items()):
            manifest = re.sub(r"\n\n+", "\n", re.sub(r" *(app.kubernetes.io/managed-by: Helm|helm.sh/chart: .*)\n", "", manifest)).strip()
            if manifest and not path.endswith(".txt"):
                text += f"---\n{manifest}\n"
        path = f"{folder}/{name}.yaml"
        if write:
            with open(path, "w") as file:
                file.write(text)
        if not os.path.exists(path) or open(path).read() != text:
            fault(f"docs/hosting/kubernetes/{name}.yaml is not what the chart makes; run: Tests/Hosting/charts.py PICO --write")
        check(f"kubernetes/{name}.yaml", [d for d in yaml.safe_load_all(text) if d], pico)
    for name in listed:
        with open(f"{folder}/{name}") as file:
            for document in yaml.safe_load_all(file):
                check_schema(f"kubernetes/{name}", document)


def check_package():
    """The chart as an archive has everything that it needs, etcd among it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = helm.package(f"{HOSTING}/helm/pico", destination=folder)
        with helm.Chart.load(archive) as loaded:
            if len(list(documents(loaded.render(BASE, name="pico", namespace="edge")))) < 10:
                fault("the archive renders too little")
            if any(item["name"].startswith("ci/") for item in loaded.files):
                fault("the archive has the tests' values")


def main():
    pico = sys.argv[1]
    for chart in ("pico", "pico-agent"):
        check_chart(chart, pico)
    check_refusals("pico", BASE, REFUSED)
    check_refusals("pico-agent", AGENT_BASE, AGENT_REFUSED)
    check_hooks()
    check_package()
    plain("--write" in sys.argv, pico)
    print(f"Helm {helm.helm_sdk_version()}, Kubernetes {' and '.join(VERSIONS)}: {len(REFUSED) + len(AGENT_REFUSED)} refusals, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
