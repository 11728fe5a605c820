"""Both ends of TCP connections through an endpoint: a service, and clients that check what it does.

usage: tcp.py serve PORT
       tcp.py CHECK PORT

The service greets, reads a line and does what it says; at the end of what it reads it prints the SHA-256 of all that came behind the
line. A check ends with 0 or says what differed.
"""

import hashlib
import os
import socket
import sys
import threading

GREETING = b"220 ready\n"
SIZE = 10 << 20
FLOOD = 192 << 20


def line(connection):
    got = b""
    while not got.endswith(b"\n"):
        data = connection.recv(1)
        if not data:
            break
        got += data
    return got.strip().decode()


def block(index):
    return hashlib.sha512(b"%d" % index).digest() * 1024  # 64 KiB, each another one


def serve(connection):
    try:
        connection.sendall(GREETING)
        word = line(connection)
        if word == "end":
            connection.sendall(b"no more")
            connection.shutdown(socket.SHUT_WR)
        if word == "flood":
            for index in range(FLOOD // 65536):
                connection.sendall(block(index))
                print(f"sent {index + 1}", flush=True)
        if word == "break":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        digest = hashlib.sha256()
        while data := connection.recv(65536):
            digest.update(data)
            if word == "echo":
                connection.sendall(data)
        print("received", digest.hexdigest(), flush=True)
        if word == "echo":
            connection.sendall(b"<end>")
    except OSError as error:
        print("failed", error, flush=True)
    finally:
        connection.close()


def connect(word):
    link = socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=60)
    greeting = line(link)
    assert greeting == GREETING.strip().decode(), greeting
    link.sendall(word.encode() + b"\n")
    return link


def rest(link):
    got = bytearray()
    while data := link.recv(1 << 20):
        got += data
    return bytes(got)


def check_echo():
    """Both ways at once, every byte, then half-close: what the service says after the end still comes."""
    data = os.urandom(SIZE)
    link = connect("echo")

    def send():
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = rest(link)
    sender.join()
    assert got[:-5] == data, f"{len(got)} bytes came back, and they differ"
    assert got[-5:] == b"<end>", got[-5:]


def check_many():
    """Small pieces on many connections."""
    links = [connect("echo") for _ in range(40)]
    for number in range(20):
        for index, link in enumerate(links):
            link.sendall(b"%03d %03d\n" % (index, number))
        for index, link in enumerate(links):
            assert line(link) == "%03d %03d" % (index, number)
    for link in links:
        link.shutdown(socket.SHUT_WR)
        assert rest(link) == b"<end>"


def check_upstream_ends():
    """The service ends first, and what is sent then still reaches it."""
    link = connect("end")
    assert rest(link) == b"no more"
    data = os.urandom(1 << 20)
    link.sendall(data)
    link.close()
    print("sent", hashlib.sha256(data).hexdigest())


def check_piko():
    """Without half-close: the end of one side ends both."""
    link = connect("echo")
    data = os.urandom(1 << 20)
    link.sendall(data)
    got = b""
    while len(got) < len(data):
        got += link.recv(1 << 20)
    assert got == data
    link.shutdown(socket.SHUT_WR)
    rest(link)


def check_flood():
    """A reader that waits until told by its standard output's reader loses nothing."""
    link = connect("flood")
    gate = sys.argv[3]
    print("connected", flush=True)
    while not os.path.exists(gate):
        try:
            threading.Event().wait(0.02)
        except KeyboardInterrupt:
            return
    link.shutdown(socket.SHUT_WR)
    got, wanted = hashlib.sha256(), hashlib.sha256()
    count = 0
    while data := link.recv(1 << 20):
        got.update(data)
        count += len(data)
    for index in range(FLOOD // 65536):
        wanted.update(block(index))
    assert count == FLOOD and got.digest() == wanted.digest(), count


def check_reset():
    """A service that breaks off is no end: the connection is reset."""
    link = connect("break")
    try:
        got = link.recv(1)
    except ConnectionResetError:
        return
    raise AssertionError(f"{got!r} instead of a reset")


def check_refused():
    """Nobody is behind the endpoint: the connection is reset, maybe before the client has it."""
    try:
        link = socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=20)
        got = link.recv(1)
    except ConnectionResetError:
        return
    raise AssertionError(f"{got!r} instead of a reset")


if sys.argv[1] == "serve":
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=128)
    while True:
        accepted, _ = listener.accept()
        threading.Thread(target=serve, args=(accepted,), daemon=True).start()
else:
    globals()["check_" + sys.argv[1]]()
