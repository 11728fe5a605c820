"""Checks by HTTP and WebSocket clients that are not ours. usage: checks.py NAME PROXY_PORT [ENDPOINT]

A check returns, or raises with what differed. The upstream behind the endpoint is upstream.py.
"""

import hashlib
import http.client
import json
import os
import socket
import sys
import threading
import time

import requests

PORT = ENDPOINT = BASE = None


def header(**more):
    return {"x-pico-endpoint": ENDPOINT, **{name.replace("_", "-"): value for name, value in more.items()}}


def equal(got, wanted, what="value"):
    assert got == wanted, f"{what}: {got!r} instead of {wanted!r}"


def connection():
    return http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)


def fetch(path, method="GET", body=None, headers=None, **keywords):
    link = connection()
    link.request(method, path, body=body, headers=header(**(headers or {})), **keywords)
    return link.getresponse()


def echoed(response):
    equal(response.status, 200, "status")
    return json.loads(response.read())


def values(seen, name):
    return [value for field, value in seen["fields"] if field.lower() == name]


def raw(data, finish=False, until=None):
    """Sends bytes and reads until the end, or until `until` was seen."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as link:
        link.sendall(data)
        if finish:
            link.shutdown(socket.SHUT_WR)
        got = b""
        while until is None or until not in got:
            data = link.recv(65536)
            if not data:
                break
            got += data
        return got


def request(first, *lines, body=b""):
    return "\r\n".join([first, f"x-pico-endpoint: {ENDPOINT}", *lines, "", ""]).encode() + body


# --- what goes up

def method_path_and_query_unchanged():
    for target in ("/echo/%2e%2E//a/../b?x=%20+&&y;=", "/echo?", "/echo//", "/echo/~!$&'()*+,;=:@"):
        got = raw(request(f"GET {target} HTTP/1.1", "Host: h", "Connection: close"))
        equal(json.loads(got.split(b"\r\n\r\n", 1)[1])["first"], f"GET {target}")
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "M-SEARCH"):
        equal(echoed(fetch("/echo", method))["first"], f"{method} /echo")


def header_order_case_and_duplicates_kept():
    got = raw(request("GET /echo HTTP/1.1", "Host: h", "zz-Last: 1", "Aa-First: 2", "zz-Last: 3", "X-Empty:", "Cookie: a=b; c=d",
                      "Connection: close"))
    seen = json.loads(got.split(b"\r\n\r\n", 1)[1])
    ours = [field for field in seen["fields"] if field[0] in ("zz-Last", "Aa-First", "X-Empty", "Cookie")]
    equal(ours, [["zz-Last", "1"], ["Aa-First", "2"], ["zz-Last", "3"], ["X-Empty", ""], ["Cookie", "a=b; c=d"]])
    equal(values(seen, "host"), ["h"])


def hop_by_hop_and_reserved_headers_removed():
    seen = echoed(fetch("/echo", headers={
        "Connection": "X-Hop, keep-alive", "X-Hop": "1", "Keep-Alive": "timeout=5", "Proxy-Connection": "keep-alive",
        "Proxy-Authorization": "Basic x", "X-Pico-Forward": "yes", "X-Piko-Forward": "yes", "Forwarded": "for=1.2.3.4",
        "X-Real-IP": "1.2.3.4", "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil"}))
    for name in ("x-hop", "proxy-connection", "x-pico-forward", "x-piko-forward", "forwarded", "x-real-ip", "keep-alive"):
        equal(values(seen, name), [], name)
    equal(values(seen, "x-forwarded-for"), ["127.0.0.1"])
    equal(values(seen, "x-forwarded-proto"), ["http"])
    equal(values(seen, "x-forwarded-host"), [f"127.0.0.1:{PORT}"])
    equal(values(seen, "x-pico-endpoint"), [ENDPOINT])
    equal(len(values(seen, "x-request-id")), 1)


def request_id_kept_or_made():
    equal(values(echoed(fetch("/echo", headers={"X-Request-Id": "Mine-1.2_3"})), "x-request-id"), ["Mine-1.2_3"])
    made = values(echoed(fetch("/echo", headers={"X-Request-Id": "not <ok>"})), "x-request-id")
    assert len(made) == 1 and made[0] != "not <ok>", made


def body_with_length():
    for size in (0, 1, 1000, 70_000, 3_000_000):
        body = os.urandom(size)
        seen = echoed(fetch("/echo", "POST", body))
        equal((seen["length"], seen["sha256"]), (size, hashlib.sha256(body).hexdigest()))


def body_chunked():
    pieces = [os.urandom(size) for size in (1, 5000, 100_000, 17)]
    seen = echoed(fetch("/echo", "POST", iter(pieces), encode_chunked=True, headers={"Transfer-Encoding": "chunked"}))
    equal(seen["sha256"], hashlib.sha256(b"".join(pieces)).hexdigest())


def trailers_up():
    got = raw(request("POST /echo HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Trailer: X-Sum", "Connection: close",
                      body=b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"))
    equal(json.loads(got.split(b"\r\n\r\n", 1)[1])["trailers"], ["X-Sum: 7"])


def continue_is_the_upstreams():
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as link:
        link.sendall(request("POST /echo HTTP/1.1", "Host: h", "Content-Length: 4", "Expect: 100-continue", "Connection: close"))
        got = b""
        while b"\r\n\r\n" not in got:
            got += link.recv(1000)
        assert got.startswith(b"HTTP/1.1 100"), got
        link.sendall(b"body")
        got = got.split(b"\r\n\r\n", 1)[1]
        while data := link.recv(65536):
            got += data
        assert b'"length": 4' in got, got


def early_final_response_relayed():
    got = raw(request("POST /refuse HTTP/1.1", "Host: h", "Content-Length: 1000000", "Expect: 100-continue"))
    assert got.startswith(b"HTTP/1.1 417") and got.endswith(b"no"), got


def absolute_form():
    got = raw(request(f"GET http://h.example:{PORT}/echo?q HTTP/1.1", f"Host: h.example:{PORT}", "Connection: close"))
    equal(json.loads(got.split(b"\r\n\r\n", 1)[1])["first"], "GET /echo?q")


def options_asterisk():
    got = raw(request("OPTIONS * HTTP/1.1", "Host: h", "Connection: close"))
    equal(json.loads(got.split(b"\r\n\r\n", 1)[1])["first"], "OPTIONS *")


def pipelining():
    got = raw(b"".join(request(f"GET /echo/{number} HTTP/1.1", "Host: h", *(["Connection: close"] if number == 4 else []))
                       for number in range(5)))
    equal([f"GET /echo/{number}" in got.decode() for number in range(5)], [True] * 5)
    places = [got.index(b"GET /echo/%d" % number) for number in range(5)]
    equal(places, sorted(places), "order")


def http_1_0():
    got = raw(request("GET /chunked HTTP/1.0"))
    head, body = got.split(b"\r\n\r\n", 1)
    assert b"transfer-encoding" not in head.lower(), head
    equal(body, b"one,two,three")
    got = raw(request("GET /name HTTP/1.0", "Connection: keep-alive") + request("GET /name HTTP/1.0"))
    equal(got.lower().count(b"content-length: "), 2)


# --- what comes down

def response_headers_kept_and_stripped():
    got = raw(request("GET /fields HTTP/1.1", "Host: h", "Connection: close")).split(b"\r\n\r\n")[0].decode()
    lines = got.split("\r\n")
    equal([line for line in lines if line.startswith(("Set-Cookie", "x-ODD"))],
          ["Set-Cookie: a=1", "x-ODD-case: Kept", "Set-Cookie: b=2"])
    for name in ("x-pico-", "x-piko-", "x-hop", "keep-alive:"):
        assert name not in got.lower(), got


def chunked_response_with_trailer():
    got = raw(request("GET /chunked HTTP/1.1", "Host: h", "TE: trailers", "Connection: close"))
    assert got.endswith(b"0\r\nX-Sum: 42\r\n\r\n"), got
    equal(requests.get(BASE + "/chunked", headers=header(), timeout=20).text, "one,two,three")


def close_delimited_response_becomes_chunked():
    response = fetch("/close-delimited")
    equal(response.getheader("transfer-encoding"), "chunked")
    equal(response.read(), b"until the end")


def head_has_no_body():
    link = connection()
    for _ in range(3):
        link.request("HEAD", "/large/5000", headers=header())
        response = link.getresponse()
        equal((response.status, response.getheader("content-length"), response.read()), (200, "5000", b""))
    link.request("GET", "/name", headers=header())
    equal(link.getresponse().status, 200)


def no_content_and_not_modified():
    link = connection()
    for code in (204, 304, 204):
        link.request("GET", f"/status/{code}", headers=header())
        response = link.getresponse()
        equal((response.status, response.read()), (code, b""))


def statuses_pass():
    for code in (200, 201, 301, 400, 404, 418, 500, 503, 599):
        response = fetch(f"/status/{code}")
        equal(response.status, code)
        equal(response.getheader("x-pico-error"), None)


def early_hints():
    got = raw(request("GET /hints HTTP/1.1", "Host: h", "Connection: close"))
    assert got.startswith(b"HTTP/1.1 103") and b"HTTP/1.1 200" in got and got.endswith(b"after hints"), got


def large_response():
    response = requests.get(BASE + "/large/50000000", headers=header(), stream=True, timeout=60)
    total = sum(len(piece) for piece in response.iter_content(1 << 16))
    equal(total, 50_000_000)


def events_as_they_come():
    key = f"events-{os.getpid()}"
    response = requests.get(f"{BASE}/events/{key}", headers=header(), stream=True, timeout=20)
    lines = response.iter_lines(chunk_size=1)
    for number in range(3):
        line = next(lines)
        while not line:
            line = next(lines)
        equal(line, b"data: %d" % number)  # the next event is sent only after this one was seen here
        requests.get(f"{BASE}/release/{key}", headers=header(), timeout=20)


def keep_alive_reuses_the_connection():
    link = connection()
    link.connect()
    port = link.sock.getsockname()[1]
    for _ in range(20):
        link.request("GET", "/name", headers=header())
        link.getresponse().read()
        equal(link.sock.getsockname()[1], port)


# --- upgrades

def websocket_text_binary_and_close():
    from websockets.sync.client import connect

    # The endpoint's upstream is websocket_upstream.py.
    with connect(f"ws://127.0.0.1:{PORT}/chat?room=1", additional_headers=header(), max_size=None) as chat:
        for message in ("hello", "ünï", b"\x00\xff" * 10, "x" * 70_000, os.urandom(3_000_000), ""):
            chat.send(message)
            equal(chat.recv(timeout=20), message)
        assert chat.ping().wait(20), "no pong"
        chat.send("close 4321")
        try:
            chat.recv(timeout=20)
            raise AssertionError("still open")
        except Exception as closed:
            equal(closed.rcvd.code, 4321, "close code")


def upgrade_with_half_close():
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as link:
        link.sendall(request("GET /upgrade HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: echo/1") + b"early")
        got = b""
        while not got.endswith(b"early"):
            data = link.recv(1000)
            assert data, got
            got += data
        assert got.startswith(b"HTTP/1.1 101") and b"upgrade: echo/1" in got.lower(), got
        link.sendall(b"more")
        link.shutdown(socket.SHUT_WR)
        rest = b""
        while data := link.recv(1000):
            rest += data
        equal(rest, b"morebye")


# --- faults

def truncation_is_visible():
    for broken in (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"):
        try:
            fetch("/raw/" + broken.hex()).read()
        except (http.client.IncompleteRead, ConnectionError):
            continue
        raise AssertionError(f"{broken!r} looked complete")


def vanishing_client_harms_nobody():
    for _ in range(20):
        link = socket.create_connection(("127.0.0.1", PORT), timeout=20)
        link.sendall(request("POST /echo HTTP/1.1", "Host: h", "Content-Length: 100000") + bytes(5000))
        link.close()
        equal(fetch("/name").status, 200)


def slow_reader_slows_nobody():
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", PORT))
        slow.sendall(request("GET /large/100000000 HTTP/1.1", "Host: h"))
        slow.recv(100)
        began = time.monotonic()
        for _ in range(50):
            equal(fetch("/name").status, 200)
        assert time.monotonic() - began < 10, "requests beside a stalled reader were slow"


def many_at_once():
    faults = []

    def work():
        with requests.Session() as session:
            for number in range(30):
                body = os.urandom(1 + number * 997)
                answer = session.post(BASE + "/echo", data=body, headers=header(), timeout=30).json()
                if answer["sha256"] != hashlib.sha256(body).hexdigest():
                    faults.append(number)

    threads = [threading.Thread(target=work) for _ in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    equal(faults, [])


def main():
    global PORT, ENDPOINT, BASE
    PORT, ENDPOINT = int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "test"
    BASE = f"http://127.0.0.1:{PORT}"
    globals()[sys.argv[1].replace(" ", "_")]()


if __name__ == "__main__":
    main()
