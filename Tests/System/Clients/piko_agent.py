"""An agent as Piko's: it registers at the compatibility path and answers on plain yamux streams.

usage: piko_agent.py PORT ENDPOINT

Each request is answered with JSON: its request line, fields, body length, and whether the stream was half-closed before the response
had been sent, which would cancel the request in a Go program. /large/N answers with N bytes.
"""

import json
import sys
import time

from plain_yamux import ByteStream, Session, dial


def answer(stream):
    pending = b""
    while b"\r\n\r\n" not in pending:
        data = stream.read()
        if not data:
            return
        pending += data
    head, body = pending.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = [line.split(": ", 1) for line in lines]
    length = int(next((value for name, value in fields if name.lower() == "content-length"), "0"))
    count = len(body)
    while count < length:
        data = stream.read()
        assert data, "half-closed in the body"
        count += len(data)
    if first.split(" ")[1].startswith("/large/"):
        size = int(first.split(" ")[1].split("/")[2])
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    else:
        time.sleep(0.05)  # a half-close that is on its way arrives now
        text = json.dumps({"first": first, "fields": fields, "length": count, "cancelled": stream.ended}).encode()
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    stream.finish()


def main():
    port, endpoint = int(sys.argv[1]), sys.argv[2]
    session = Session(ByteStream(dial(port, f"/piko/v1/upstream/{endpoint}"), client=True), client=True, accepted=answer)
    print("registered", flush=True)
    session.run()


if __name__ == "__main__":
    main()
