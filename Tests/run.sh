#!/bin/bash
# Installs what the tests need, builds, and runs every test. Exits with 0 only if all passed.
#
#   Tests/run.sh [--no-install] [--scratch-path DIR] [words for swift test, such as --filter PicoHTTPTests]
#
# The system tests drive the built `pico` with curl, wrk, h2load, nginx and Python's http.client, requests, websockets, h2 and grpcio, and
# `pico-top` in pyte and tmux; those of the cluster start etcd, those of dashboard and alerts ask promtool; those of docs/hosting put HAProxy,
# nginx, Caddy and Envoy in front, and render charts; bash, zsh and fish are asked to complete. As root they install the Debian packages, in a copy of the machine.
set -euo pipefail
cd "$(dirname "$0")/.."

install=yes
scratch=.build
words=()
while [ $# -gt 0 ]; do
  case "$1" in
    --no-install) install=no ;;
    --scratch-path) scratch=$2; shift ;;
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) words+=("$1") ;;
  esac
  shift
done

export PATH="$PATH:/usr/sbin"
if [ "$install" = yes ]; then
  missing=()
  for pair in curl:curl nginx:nginx wrk:wrk python3:python3 unshare:util-linux script:bsdutils tmux:tmux tic:ncurses-bin openssl:openssl \
    etcd:etcd-server h2load:nghttp2-client haproxy:haproxy strace:strace ip:iproute2 systemd-analyze:systemd \
    promtool:prometheus dpkg-shlibdeps:dpkg-dev strip:binutils zsh:zsh fish:fish; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ -e /usr/include/curses.h ] || missing+=(libncursesw5-dev)
  [ -e /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [ ${#missing[@]} -gt 0 ]; then
    privilege=()
    [ "$(id -u)" = 0 ] || privilege=(sudo)
    "${privilege[@]}" apt-get update
    DEBIAN_FRONTEND=noninteractive "${privilege[@]}" apt-get install -y --no-install-recommends "${missing[@]}"
  fi
  if ! .build-venv/bin/python3 -c 'import requests, websockets, pyte, h2, grpc, helm_python, kubernetes_validate, compose_spec' 2>/dev/null; then
    python3 -m venv .build-venv
    .build-venv/bin/pip install --quiet --disable-pip-version-check -r Tests/System/Clients/requirements.txt -r Tests/Hosting/requirements.txt
  fi
fi

# Once more if it fails: SwiftPM now and then loses a race of its own in a build from nothing, and a real error fails again at once.
swift build --build-tests --scratch-path "$scratch" || swift build --build-tests --scratch-path "$scratch"

# Thousands of connections: as many descriptors as the machine allows.
ulimit -n "$(ulimit -Hn)" || true
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0

# Pure tests side by side; those that run servers and measure time one after the other, as two cores are too few for all at once.
timed='EtcdClientTests|PicoClusterTests|PicoServerTests|PicoStatusTests|PicoAgentTests|PicoClientTests|PicoBenchTests|OpenSSLTests|SystemTests'
round() {
  swift test --skip-build --scratch-path "$scratch" "$@" 2>&1 | tee -a "$log" || status=$?
}
if [ ${#words[@]} -gt 0 ]; then
  round "${words[@]}"
else
  round --skip "$timed"
  round --no-parallel --filter "$timed"
fi

echo
echo "Tests passed: $(grep -cE '^✔ Test ".* passed after' "$log" || true)   failed: $(grep -cE '^✘ Test ".* failed after' "$log" || true)"
grep -E 'Test run with [0-9]+ test' "$log" || { echo "no test ran to its end"; status=1; }
grep -E '^✘ Test ".* failed after' "$log" || true
exit "$status"
