"""An upstream that shows what reached it and can answer in any way, well-behaved or not.

usage: upstream.py PORT [NAME]

  /echo              JSON: the request line, its fields in order, the body's length, SHA-256 and trailers
  /name              NAME
  /status/CODE       that status without a body
  /large/BYTES       that many bytes
  /raw/HEX           exactly these bytes, then the connection ends
  /chunked           a chunked response with a trailer        /close-delimited   one that ends with its connection
  /events/KEY        Server-Sent Events; the next one is sent when /release/KEY was asked for
  /hints             103, then 200                            /refuse            417 before any body is read
  /wait/KEY          answered when /release/KEY was asked for /seen/KEY          200 once /wait/KEY or /events/KEY has begun
  /upgrade           101 to what was asked, then an echo with half-close
"""

import hashlib
import json
import socket
import sys
import threading


class Gates:
    """Named semaphores, so that a client decides when an answer goes on."""

    def __init__(self):
        self.lock = threading.Lock()
        self.gates, self.begun = {}, set()

    def gate(self, key):
        with self.lock:
            return self.gates.setdefault(key, threading.Semaphore(0))

    def wait(self, key):
        gate = self.gate(key)
        with self.lock:
            self.begun.add(key)
        if not gate.acquire(timeout=30):
            raise ConnectionError(f"nobody released {key}")


GATES = Gates()
NAME = "upstream"


class Connection:
    def __init__(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection, self.pending = connection, b""

    def more(self):
        data = self.connection.recv(65536)
        self.pending += data
        return bool(data)

    def line(self):
        while b"\r\n" not in self.pending:
            if not self.more():
                raise ConnectionError("cut short")
        line, self.pending = self.pending.split(b"\r\n", 1)
        return line

    def exactly(self, count):
        while len(self.pending) < count:
            if not self.more():
                raise ConnectionError("cut short")
        data, self.pending = self.pending[:count], self.pending[count:]
        return data

    def send(self, data):
        self.connection.sendall(data)

    def answer(self, body, status=b"200 OK", fields=b""):
        self.send(b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, fields, len(body), b"" if self.method == b"HEAD" else body))

    def body(self):
        """(digest, length, trailers) of the request's body, read piece by piece."""
        digest, length = hashlib.sha256(), 0
        if self.field(b"expect").lower() == b"100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.field(b"transfer-encoding").lower() == b"chunked":
            while size := int(self.line().split(b";")[0], 16):
                digest.update(self.exactly(size))
                length += size
                self.line()
            trailers = []
            while line := self.line():
                trailers.append(line.decode("latin-1"))
            return digest, length, trailers
        left = int(self.field(b"content-length") or b"0")
        while left:
            if not self.pending and not self.more():
                raise ConnectionError("cut short")
            piece, self.pending = self.pending[:left], self.pending[left:]
            digest.update(piece)
            length += len(piece)
            left -= len(piece)
        return digest, length, []

    def field(self, wanted):
        return next((value for name, value in self.fields if name.lower() == wanted), b"")

    def serve(self):
        while self.pending or self.more():
            self.method, target, _ = self.line().split(b" ")
            self.first = (self.method + b" " + target).decode("latin-1")
            self.fields = []
            while line := self.line():
                name, _, value = line.partition(b":")
                self.fields.append((name, value.strip()))
            word, _, rest = target.lstrip(b"/").partition(b"?")[0].partition(b"/")
            respond = getattr(self, "on_" + word.decode("latin-1").replace("-", "_"), self.on_echo)
            if respond(rest.decode("latin-1")) is False or self.field(b"connection").lower() == b"close":
                break

    def on_echo(self, _):
        digest, length, trailers = self.body()
        self.answer(json.dumps({
            "first": self.first, "fields": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in self.fields],
            "length": length, "sha256": digest.hexdigest(), "trailers": trailers, "name": NAME,
        }).encode(), fields=b"Content-Type: application/json\r\nX-Seen: yes\r\n")

    def on_name(self, _):
        self.body()
        self.answer(NAME.encode())

    def on_status(self, code):
        self.body()
        self.send(b"HTTP/1.1 %s Whatever\r\nETag: \"e\"\r\n\r\n" % code.encode() if code in ("204", "304")
                  else b"HTTP/1.1 %s Whatever\r\nContent-Length: 0\r\n\r\n" % code.encode())

    def on_large(self, size):
        self.body()
        size = int(size)
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = bytes(range(256)) * 256
        while size > 0 and self.method != b"HEAD":
            self.send(block[:size])
            size -= len(block)

    def on_raw(self, text):
        self.body()
        self.send(bytes.fromhex(text))
        return False

    def on_chunked(self, _):
        self.body()
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        for piece in (b"one,", b"two,", b"three"):
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.send(b"0\r\nX-Sum: 42\r\n\r\n")

    def on_close_delimited(self, _):
        self.body()
        self.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
        return False

    def on_events(self, key):
        self.body()
        self.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n")
        for number in range(3):
            self.send(b"data: %d\n\n" % number)
            GATES.wait(key)
        return False

    def on_release(self, key):
        self.body()
        GATES.gate(key).release()
        self.answer(b"released")

    def on_wait(self, key):
        self.body()
        GATES.wait(key)
        self.answer(b"waited")

    def on_seen(self, key):
        self.body()
        self.answer(b"yes" if key in GATES.begun else b"no")

    def on_half(self, key):
        """Half of a response; the rest when released."""
        self.body()
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        GATES.wait(key)
        self.send(b"rest")

    def on_hints(self, _):
        self.body()
        self.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        self.answer(b"after hints")

    def on_refuse(self, _):
        self.answer(b"no", status=b"417 Expectation Failed", fields=b"Connection: close\r\n")
        return False

    def on_fields(self, _):
        self.body()
        self.answer(b"fields", fields=b"Set-Cookie: a=1\r\nx-ODD-case: Kept\r\nSet-Cookie: b=2\r\nX-Pico-Secret: no\r\nx-piko-secret: no\r\n"
                    b"Connection: X-Hop\r\nX-Hop: no\r\nKeep-Alive: timeout=5\r\n")

    def on_upgrade(self, _):
        self.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + self.field(b"upgrade") + b"\r\n\r\n")
        self.send(self.pending)
        while data := self.connection.recv(65536):
            self.send(data)
        self.send(b"bye")
        return False


def handle(connection):
    with connection:
        try:
            Connection(connection).serve()
            connection.shutdown(socket.SHUT_WR)
        except (OSError, ValueError):
            pass


def main():
    global NAME
    NAME = sys.argv[2] if len(sys.argv) > 2 else NAME
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
