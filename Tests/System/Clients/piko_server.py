"""A server as Piko's, to which an agent of ours registers. usage: piko_server.py PORT ENDPOINT

Waits for the registration, sends requests over plain yamux streams and checks the answers of upstream.py; exits 0 if all is well.
"""

import json
import socket
import sys
import threading

from plain_yamux import ByteStream, Session, accept


def exchange(session, path, body=b"", method="GET"):
    stream = session.open()
    head = f"{method} {path} HTTP/1.1\r\nHost: h.example\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n"
    stream.write((head + (f"Content-Length: {len(body)}\r\n" if body else "") + "\r\n").encode() + body)
    got = b""
    while data := stream.read():
        got += data
    stream.finish()  # as Piko: after the response has ended
    head, body = got.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200"), head
    return head, body


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    listener.settimeout(30)
    connection, _ = listener.accept()
    head = accept(connection)
    assert head.startswith(f"GET /piko/v1/upstream/{sys.argv[2]} HTTP/1.1"), head
    session = Session(ByteStream(connection, client=False), client=False)
    threading.Thread(target=session.run, daemon=True).start()

    seen = json.loads(exchange(session, "/echo/a%20b?c", b"y" * 400_000, "POST")[1])
    assert seen["first"] == "POST /echo/a%20b?c" and seen["length"] == 400_000, seen
    assert ["Host", "h.example"] in seen["fields"], seen
    assert len(exchange(session, "/large/2000000")[1]) == 2_000_000
    results = []
    threads = [threading.Thread(target=lambda: results.append(exchange(session, "/name")[1])) for _ in range(20)]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    assert results == [b"upstream"] * 20, results
    session.send(2, 1, 0, 77)  # ping
    assert session.pinged.wait(10), "no answer to a ping"
    print("ok")


if __name__ == "__main__":
    main()
