"""Runs the blocks marked `sh` of docs/hosting/README.md as one script. In the place of `kubectl` and `helm` stands this program, which looks at
what they are given: files of Secrets, values of charts, and whether each Secret that a chart mounts was made, with the keys that are read.

usage: page.py PICO
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import helm_python as helm
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Of the documents of metrics, where those are not here.
STAND_INS = {"prometheusRule.rules": "groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]", "dashboard.json": "{}"}


def kubectl(words, made):
    if words[:2] == ["-n", "pico"]:
        words = words[2:]
    if words[:2] == ["create", "namespace"]:
        return
    assert words[:3] == ["create", "secret", "generic"], words
    keys = dict(word.removeprefix("--from-file=").split("=", 1) for word in words[4:] if word.startswith("--from-file="))
    for path in keys.values():
        assert os.path.getsize(path) > 0, path
    if "--type=kubernetes.io/tls" in words:
        assert {"tls.crt", "tls.key"} <= keys.keys(), keys
    made[words[3]] = sorted(keys)


def helm_upgrade(words, made):
    assert words[:2] == ["upgrade", "--install"], words
    release, chart, *rest = words[2:]
    values, options = {}, iter(rest)
    for option in options:
        given = next(options)
        if option == "-f":
            with open(given) as file:
                merge(values, yaml.safe_load(file))
        elif option in ("--set", "--set-file"):
            name, value = given.split("=", 1)
            if option == "--set-file":
                value = open(value).read() if os.path.exists(value) else STAND_INS[name]
            for key in reversed(name.split(".")):
                value = {key: {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value}
            merge(values, value)
        else:
            assert option == "-n" and given == "pico", option
    with helm.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        rendered = loaded.render(values, name=release, namespace="pico")
    objects = [d for path, text in rendered.items() if not path.endswith(".txt") for d in yaml.safe_load_all(text) if d]
    for workload in objects:
        if workload["kind"] not in ("StatefulSet", "Deployment"):
            continue
        spec = workload["spec"]["template"]["spec"]
        text = "\n".join(value for d in objects if d["kind"] == "ConfigMap" for value in d["data"].values())
        for volume in spec.get("volumes", []):
            if "secret" not in volume:
                continue
            keys = made[volume["secret"]["secretName"]]
            path = next(m["mountPath"] for c in spec["containers"] for m in c["volumeMounts"] if m["name"] == volume["name"])
            read = re.findall(re.escape(path) + r"/([\w.-]+)", text)
            assert read and set(read) <= set(keys), f"{volume['name']}: {read} of {keys}"
    print(f"helm: {release}, {len(objects)} objects")


def merge(into, over):
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def stand_in(program, words):
    made = json.load(open("made.json")) if os.path.exists("made.json") else {}
    {"kubectl": kubectl, "helm": helm_upgrade}[program](words, made)
    with open("made.json", "w") as file:
        json.dump(made, file)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/bin")
        os.symlink(sys.argv[1], f"{folder}/bin/pico")
        for program in ("kubectl", "helm"):
            with open(f"{folder}/bin/{program}", "w") as file:
                file.write(f'#!/bin/sh\nexec {sys.executable} {os.path.abspath(__file__)} --as {program} "$@"\n')
            os.chmod(f"{folder}/bin/{program}", 0o755)
        shutil.copytree(f"{ROOT}/docs/hosting", f"{folder}/docs/hosting")
        with open(f"{ROOT}/docs/hosting/README.md") as file:
            blocks = re.findall(r"^```sh\n(.*?)^```", file.read(), re.M | re.S)
        script = "".join(blocks)
        done = subprocess.run(
            ["sh", "-eu", "-c", script], cwd=folder, capture_output=True, text=True, env=os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}"})
        print(done.stdout + done.stderr[-3000:])
        if done.returncode == 0 and len(blocks) >= 4 and len(json.load(open(f"{folder}/made.json"))) == 6:
            print("0 faults")
            return 0
        print(f"FAULT the page's commands end with {done.returncode}")
        return 1


if sys.argv[1] == "--as":
    stand_in(sys.argv[2], sys.argv[3:])
else:
    sys.exit(main())
