"""A WebSocket byte stream and plain yamux on it, written from the published specifications and shared with nothing of Pico."""

import base64
import hashlib
import os
import socket
import struct
import threading

DATA, WINDOW, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
INITIAL_WINDOW = 256 * 1024
ACCEPT_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(1)
        if not data:
            raise ConnectionError(f"closed in the handshake: {head!r}")
        head += data
    return head.decode()


def dial(port, path, headers=()):
    """Registers as Piko's Go client does: no subprotocol, no extensions."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "User-Agent: Go-http-client/1.1", "Connection: Upgrade",
             f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "Upgrade: websocket", *headers]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = read_head(connection)
    if not head.startswith("HTTP/1.1 101"):
        raise ConnectionError(head.split("\r\n")[0])
    accept = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT_KEY).digest()).decode()
    assert f"sec-websocket-accept: {accept}".lower() in head.lower(), head
    assert "sec-websocket-protocol" not in head.lower(), head
    return connection


def accept(connection):
    """Takes a registration; returns its request head."""
    head = read_head(connection)
    key = next(line.split(":", 1)[1].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key:"))
    answer = base64.b64encode(hashlib.sha1(key.encode() + ACCEPT_KEY).digest()).decode()
    connection.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Accept: {answer}\r\n\r\n").encode())
    return head


class ByteStream:
    """Bytes in binary messages. The client side masks, and like Go's client cuts messages into frames of 4,096 bytes."""

    def __init__(self, connection, client):
        connection.settimeout(None)
        self.connection, self.client = connection, client
        self.pending, self.lock = b"", threading.Lock()

    def frame(self, opcode, payload, final):
        size = len(payload)
        head = bytes([(0x80 if final else 0) | opcode])
        bit = 0x80 if self.client else 0
        head += bytes([bit | size]) if size < 126 else bytes([bit | 126]) + struct.pack(">H", size)
        if self.client:
            mask = os.urandom(4)
            head += mask
            payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        return head + payload

    def write(self, *messages):
        with self.lock:
            for message in messages:
                pieces = [message[offset:offset + 4096] for offset in range(0, len(message), 4096)]
                for index, piece in enumerate(pieces):
                    self.connection.sendall(self.frame(0 if index else 2, piece, index == len(pieces) - 1))

    def raw(self, count):
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                raise ConnectionError("the tunnel ended")
            data += piece
        return data

    def read(self, count):
        while len(self.pending) < count:
            first, second = self.raw(2)
            opcode, size = first & 15, second & 127
            assert first & 0x70 == 0, "reserved bits"
            assert bool(second & 0x80) != self.client, "masked the wrong way"
            if size == 126:
                size, = struct.unpack(">H", self.raw(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.raw(8))
            mask = self.raw(4) if second & 0x80 else None
            payload = self.raw(size)
            if mask:
                whole = (mask * (size // 4 + 1))[:size]
                payload = (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")
            if opcode == 8:
                raise ConnectionError("the tunnel was closed by a Close frame")
            assert opcode in (0, 2), f"opcode {opcode}"
            self.pending += payload
        data, self.pending = self.pending[:count], self.pending[count:]
        return data


class Stream:
    def __init__(self, session, number):
        self.session, self.number = session, number
        self.received, self.ended, self.was_reset = b"", False, False
        self.send_window, self.unread = INITIAL_WINDOW, 0
        self.change = threading.Condition()

    def read(self, at_least=1):
        """Some bytes, b"" at the end; opens the window again once half of it was read."""
        with self.change:
            while not self.received and not self.ended:
                if not self.change.wait(30):
                    raise TimeoutError(f"nothing on stream {self.number}")
            if self.was_reset:
                raise ConnectionResetError(f"stream {self.number}")
            data, self.received = self.received, b""
            self.unread += len(data)
            # Counted before it is said: the peer may use what it is given before this thread goes on.
            given = self.unread if self.unread >= INITIAL_WINDOW // 2 else 0
            self.unread -= given
        if given:
            self.session.send(WINDOW, 0, self.number, given)
        return data

    def write(self, data):
        while data:
            with self.change:
                while not self.send_window:
                    if self.was_reset or not self.change.wait(30):
                        raise TimeoutError(f"no window on stream {self.number}")
                piece = data[:min(self.send_window, 32 * 1024)]
                self.send_window -= len(piece)
            self.session.send(DATA, 0, self.number, payload=piece)
            data = data[len(piece):]

    def finish(self):
        self.session.send(WINDOW, FIN, self.number, 0)


class Session:
    """`accepted` is called on its own thread with each stream that the peer opens."""

    def __init__(self, stream, client, accepted=None):
        self.bytes, self.accepted = stream, accepted
        self.streams, self.next = {}, 1 if client else 2
        self.opening = threading.Lock()
        self.went_away = threading.Event()
        self.pinged = threading.Event()

    def send(self, kind, flags, number, length=0, payload=b""):
        header = struct.pack(">BBHII", 0, kind, flags, number, len(payload) or length)
        self.bytes.write(header, payload) if payload else self.bytes.write(header)

    def open(self):
        with self.opening:
            stream = self.streams[self.next] = Stream(self, self.next)
            self.next += 2
        self.send(WINDOW, SYN, stream.number, 0)
        return stream

    def run(self):
        """Reads frames until the tunnel ends; then what is open is reset, so that nobody waits for it."""
        try:
            self.receive()
        finally:
            for stream in list(self.streams.values()):
                with stream.change:
                    stream.was_reset = stream.was_reset or not stream.ended
                    stream.ended = True
                    stream.change.notify_all()

    def receive(self):
        while True:
            version, kind, flags, number, length = struct.unpack(">BBHII", self.bytes.read(12))
            assert version == 0 and kind <= GO_AWAY, (version, kind)
            if kind == PING:
                if flags & SYN:
                    self.send(PING, ACK, 0, length)
                else:
                    self.pinged.set()
                continue
            if kind == GO_AWAY:
                self.went_away.set()
                continue
            if flags & SYN:
                assert number % 2 != self.next % 2, f"stream {number} opened by the wrong side"
                stream = self.streams[number] = Stream(self, number)
                self.send(WINDOW, ACK, number, 0)
                if self.accepted:
                    threading.Thread(target=self.accepted, args=(stream,), daemon=True).start()
            assert not (kind == DATA and length and flags & FIN), "a Go program misses data that comes with FIN"
            payload = self.bytes.read(length) if kind == DATA else b""
            stream = self.streams.get(number)
            if not stream:
                continue
            with stream.change:
                stream.received += payload
                assert len(stream.received) + stream.unread <= INITIAL_WINDOW, "data past the window"
                if kind == WINDOW:
                    stream.send_window += length
                if flags & (FIN | RST):
                    stream.ended = True
                    stream.was_reset = bool(flags & RST)
                stream.change.notify_all()
