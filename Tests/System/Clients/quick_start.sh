# The quick start of the README: each line below that ends in & runs in a terminal of its own there.
# Started in a fresh network namespace, whose loopback is still down.
python3 - <<'PYTHON'
import fcntl, socket, struct
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    fcntl.ioctl(link, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
PYTHON
wait_for() {
  for _ in $(seq 200); do
    python3 -c "import socket; socket.create_connection(('localhost', $1), 1)" 2>/dev/null && return
    sleep 0.05
  done
  echo "nothing on port $1" >&2
}
started=
trap 'kill $started' EXIT
pico server &
started="$started $!"
wait_for 8080
python3 -m http.server 3000 &
started="$started $!"
wait_for 3000
pico agent my-endpoint-123 localhost:3000 &
started="$started $!"
for _ in $(seq 200); do
  python3 -c "
import urllib.request
assert b'\npico_listeners 1' in urllib.request.urlopen('http://localhost:8081/metrics').read()" 2>/dev/null && break
  sleep 0.05
done
curl http://localhost:8080 -H "x-pico-endpoint: my-endpoint-123"
