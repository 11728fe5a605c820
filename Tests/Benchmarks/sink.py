"""An upstream that consumes request bodies and answers with how many bytes it took.

usage: sink.py PORT        The kernel drops the bytes (MSG_TRUNC), so the sink costs next to nothing beside what is measured.
"""

import socket
import sys
import threading


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = b""
    room = bytearray(1 << 20)
    with connection:
        while True:
            while b"\r\n\r\n" not in pending:
                data = connection.recv(65536)
                if not data:
                    return
                pending += data
            head, pending = pending.split(b"\r\n\r\n", 1)
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                if name.lower() == b"expect":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            taken = min(len(pending), length)
            pending = pending[taken:]
            while taken < length:
                count = connection.recv_into(room, min(len(room), length - taken), socket.MSG_TRUNC)
                if not count:
                    return
                taken += count
            body = b"%d" % taken
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
