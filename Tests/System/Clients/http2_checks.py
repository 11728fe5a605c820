"""What a client of HTTP/2 in the clear sees, and what an attacker gets. The service behind is upstream.py.

usage: http2_checks.py PORT NAME
"""

import json
import socket
import sys
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

PORT = int(sys.argv[1])
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def equal(got, wanted, what="value"):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, not {wanted!r}")


class Client:
    """One connection. Nothing that is sent is checked on this side."""

    def __init__(self, window=None):
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=10)
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True, header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        self.h2.local_settings = h2.settings.Settings(
            client=True, initial_values={} if window is None else {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.initiate_connection()
        self.events = []
        self.ended = False
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def open(self, fields, end=True):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, fields, end_stream=end)
        self.flush()
        return stream

    def read(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.ended = not data
        for event in self.h2.receive_data(data) if data else []:
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length and self.acknowledges:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()

    acknowledges = True

    def until(self, kind, stream=None, seconds=10):
        deadline = time.time() + seconds
        while time.time() < deadline:
            for event in self.events:
                if isinstance(event, kind) and (stream is None or event.stream_id == stream):
                    return event
            if self.ended:
                raise AssertionError(f"ended without {kind}: {self.events}")
            self.read()
        raise AssertionError(f"no {kind}: {self.events}")

    def answer(self, stream):
        """Status, fields, body and trailers of a response that ends in order."""
        self.until(h2.events.StreamEnded, stream)
        fields, trailers, body = {}, None, b""
        for event in self.events:
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                fields = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
            elif isinstance(event, h2.events.TrailersReceived):
                trailers = dict(event.headers)
        return int(fields.pop(":status")), fields, body, trailers

    def refusal(self, stream):
        """The answer to a request that is malformed: status, fields and body of a response that ends by an error of its stream."""
        equal(self.until(h2.events.StreamReset, stream).error_code, 1, "code")
        mine = [event for event in self.events if getattr(event, "stream_id", None) == stream]
        equal([event for event in mine if isinstance(event, h2.events.StreamEnded)], [], "END_STREAM")
        fields = dict(next(event.headers for event in mine if isinstance(event, h2.events.ResponseReceived)))
        body = b"".join(event.data for event in mine if isinstance(event, h2.events.DataReceived))
        equal(len(body), int(fields["content-length"]), "length")
        return int(fields.pop(":status")), fields, body

    def fetch(self, *args, **more):
        return self.answer(self.open(head(*args, **more)))


def head(path="/echo", method="GET", *fields):
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), ("x-pico-endpoint", "test"), *fields]


def request_and_response():
    client = Client()
    status, fields, body, _ = client.fetch("/echo?a=b%20c&&", "GET", ("x-one", "1"), ("x-two", "2"), ("x-one", "3"), ("cookie", "a=1"), ("cookie", "b=2"))
    seen = json.loads(body)
    equal(status, 200)
    equal(seen["first"], "GET /echo?a=b%20c&&")
    own = [pair for pair in seen["fields"] if pair[0].startswith("x-") and pair[0] != "x-pico-endpoint" or pair[0] in ("host", "cookie")]
    equal(own, [["host", "localhost"], ["x-one", "1"], ["x-two", "2"], ["x-one", "3"], ["cookie", "a=1; b=2"]])
    equal(dict(map(tuple, seen["fields"]))["X-Forwarded-Proto"], "http")
    status, fields, body, _ = client.fetch("/fields")
    equal((status, body), (200, b"fields"))
    equal({"x-odd-case", "set-cookie"} <= set(fields), True, "fields")
    equal({"connection", "keep-alive", "x-hop", "x-pico-secret", "transfer-encoding"} & set(fields), set(), "fields of the connection")
    equal(client.fetch("/name", "HEAD")[2], b"")
    equal([client.fetch(f"/status/{code}")[0] for code in (204, 304, 404, 500)], [204, 304, 404, 500])


def bodies_and_trailers():
    client = Client()
    stream = client.open(head("/echo", "POST"), end=False)
    for _ in range(3):
        client.h2.send_data(stream, b"x" * 1000)
    client.h2.send_headers(stream, [("x-sum", "42")], end_stream=True)
    client.flush()
    seen = json.loads(client.answer(stream)[2])
    equal((seen["length"], seen["trailers"]), (3000, ["x-sum: 42"]))
    equal(client.fetch("/chunked")[2:], (b"one,two,three", {"x-sum": "42"}))
    equal(client.fetch("/close-delimited")[2], b"until the end")
    equal(len(client.fetch("/large/3000000")[2]), 3000000)


def interim_responses():
    client = Client()
    equal(client.fetch("/hints")[2], b"after hints")
    hints = client.until(h2.events.InformationalResponseReceived)
    equal(dict(hints.headers)["link"], "</a.css>; rel=preload")


def early_response():
    client = Client()
    stream = client.open(head("/refuse", "POST", ("content-length", "1000000")), end=False)
    client.h2.send_data(stream, b"x" * 10000)
    client.flush()
    client.until(h2.events.StreamEnded, stream)
    equal(client.until(h2.events.StreamReset, stream).error_code, 0, "code")
    equal(client.fetch("/name")[0], 200)


def cancelled_stream():
    client = Client()
    stream = client.open(head("/wait/http2-cancel"))
    while client.fetch("/seen/http2-cancel")[2] != b"yes":
        time.sleep(0.02)
    client.h2.reset_stream(stream, 8)
    client.flush()
    equal(client.fetch("/name")[0], 200)


def truncated_response():
    client = Client()
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".hex()
    stream = client.open(head(f"/raw/{raw}"))
    equal(client.until(h2.events.StreamReset, stream).error_code, 2, "code")


def errors_are_json():
    client = Client()
    status, fields, body, _ = client.answer(client.open(head()[:-1]))
    equal((status, fields["x-pico-error"], json.loads(body)), (400, "missing-endpoint-id", {"error": "missing endpoint id"}))
    nobody = head()[:-1] + [("x-pico-endpoint", "nobody")]
    equal(client.answer(client.open(nobody))[:2][0], 502)
    equal(client.fetch("/pico/v1/nothing")[0], 404)
    equal(client.fetch("/pico/v1/listener/a")[0], 426)


REFUSED = {
    "line in a value": head("/echo", "GET", ("x-a", "b\r\nx-evil: 1")),
    "request in a value": head("/echo", "GET", ("x-a", "b\r\n\r\nGET /status/500 HTTP/1.1\r\nHost: h\r\n\r\n")),
    "line feed in a value": head("/echo", "GET", ("x-a", "b\nc")),
    "carriage return in a value": head("/echo", "GET", ("x-a", "b\rc")),
    "nul in a value": head("/echo", "GET", ("x-a", "b\0c")),
    "space before a value": head("/echo", "GET", ("x-a", " b")),
    "space behind a value": head("/echo", "GET", ("x-a", "b ")),
    "upper case name": head("/echo", "GET", ("X-A", "b")),
    "colon in a name": head("/echo", "GET", ("x-a:b", "c")),
    "line in a name": head("/echo", "GET", ("x-a: b\r\nx-evil", "c")),
    "space in a name": head("/echo", "GET", ("x a", "c")),
    "transfer-encoding": head("/echo", "POST", ("transfer-encoding", "chunked")),
    "connection": head("/echo", "GET", ("connection", "close")),
    "keep-alive": head("/echo", "GET", ("keep-alive", "timeout=1")),
    "proxy-connection": head("/echo", "GET", ("proxy-connection", "close")),
    "upgrade": head("/echo", "GET", ("upgrade", "websocket")),
    "te gzip": head("/echo", "GET", ("te", "gzip")),
    "two lengths": head("/echo", "POST", ("content-length", "0"), ("content-length", "0")),
    "listed length": head("/echo", "POST", ("content-length", "0, 0")),
    "signed length": head("/echo", "POST", ("content-length", "+0")),
    "length without data": head("/echo", "POST", ("content-length", "5")),
    "no path": [f for f in head() if f[0] != ":path"],
    "no method": [f for f in head() if f[0] != ":method"],
    "no scheme": [f for f in head() if f[0] != ":scheme"],
    "no host": [f for f in head() if f[0] != ":authority"],
    "empty path": head(""),
    "path of another form": head("http://other/"),
    "path without slash": head("echo"),
    "asterisk for GET": head("*"),
    "version in a path": head("/echo HTTP/1.1\r\nx-evil: 1\r\n\r\n"),
    "space in a path": head("/a b"),
    "fragment": head("/a#b"),
    "line in a method": head("/echo", "GET / HTTP/1.1\r\nx-evil: 1\r\n\r\nGET"),
    "method with a space": head("/echo", "GET /x"),
    "connect": head("/echo", "CONNECT"),
    "other scheme": [(n, "ftp" if n == ":scheme" else v) for n, v in head()],
    "user in authority": [(n, "a@localhost" if n == ":authority" else v) for n, v in head()],
    "line in authority": [(n, "localhost\r\nx-evil: 1" if n == ":authority" else v) for n, v in head()],
    "other host": head("/echo", "GET", ("host", "elsewhere")),
    "two hosts": head("/echo", "GET", ("host", "localhost"), ("host", "localhost")),
    "pseudo field twice": [(":path", "/a"), *head()],
    "unknown pseudo field": [(":evil", "1"), *head()],
    "protocol of RFC 8441": [(":protocol", "websocket"), *head("/echo", "CONNECT")],
    "status in a request": [(":status", "200"), *head()],
    "pseudo field behind a field": [*head()[:3], ("x-a", "b"), *head()[3:]],
    "two endpoints": head("/echo", "GET", ("x-pico-endpoint", "other")),
}


# Good HTTP/2, but nothing that Pico serves: answered like any request.
ENDED = ("asterisk for GET", "connect", "no host", "two endpoints", "user in authority")


def what_is_malformed_is_refused():
    client = Client()
    for name, fields in REFUSED.items():
        try:
            status, more, *_ = (client.answer if name in ENDED else client.refusal)(client.open(fields))
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}")
        equal((status, more["x-pico-error"]), (400, "malformed-request"), name)
        client.events.clear()
    equal(client.fetch("/name")[0], 200)


def refused_mid_body(fields, send, is_malformed=True):
    client = Client()
    stream = client.open(fields, end=False)
    send(client, stream)
    client.flush()
    equal((client.refusal if is_malformed else client.answer)(stream)[0], 400)
    equal(client.fetch("/name")[0], 200)


def lengths_hold():
    refused_mid_body(head("/echo", "POST", ("content-length", "3")), lambda client, stream: client.h2.send_data(stream, b"four", end_stream=True))
    refused_mid_body(head("/echo", "POST", ("content-length", "30")), lambda client, stream: client.h2.send_data(stream, b"four", end_stream=True))


def trailers_are_strict():
    for trailer in (("transfer-encoding", "chunked"), ("x-a", "b\r\n\r\nGET /"), (":path", "/"), ("X-A", "b")):
        refused_mid_body(
            head("/echo", "POST"), lambda client, stream: client.h2.send_headers(stream, [trailer], end_stream=True))
    # Good HTTP/2, but fields that have no place there.
    for trailer in (("content-length", "3"), ("authorization", "b"), ("x-pico-endpoint", "b")):
        refused_mid_body(
            head("/echo", "POST"), lambda client, stream: client.h2.send_headers(stream, [trailer], end_stream=True), is_malformed=False)


def large_heads():
    client = Client()
    equal(client.fetch("/name")[0], 200)
    equal(client.fetch("/name", "GET", *[(f"x-{n}", "v" * 1000) for n in range(60)])[0], 200)
    status, fields, _, _ = client.fetch("/name", "GET", *[(f"x-{n}", "v" * 1000) for n in range(70)])
    equal((status, fields["x-pico-error"]), (431, "request-head-too-large"))
    equal(client.fetch("/name")[0], 200)


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def ends(data, wanted, count=1):
    """The connection ends by GOAWAY with one of these codes, or at once, soon after this was sent."""
    client = Client()
    client.until(h2.events.SettingsAcknowledged)
    code = None
    try:
        for _ in range(count):
            client.socket.sendall(data)
        while not client.ended:
            client.read()
    except (ConnectionError, h2.exceptions.ProtocolError):
        pass
    for event in client.events:
        if isinstance(event, h2.events.ConnectionTerminated):
            code = int(event.error_code)
    if code not in (None, *wanted):
        raise AssertionError(f"code {code}")
    equal(Client().fetch("/name")[0], 200)


def floods_end_their_connection():
    ends(frame(6, 0, 0, bytes(8)), [11], 3000)
    ends(frame(4, 0, 0), [11], 3000)
    ends(frame(2, 0, 1, bytes(4) + b"\0"), [11], 3000)
    # Empty DATA frames of one stream.
    ends(frame(1, 4, 1, b"\x83\x86\x84\x41\x01a\x40\x0fx-pico-endpoint\x04test") + frame(0, 0, 1) * 3000, [11])
    # A head that does not end.
    ends(frame(1, 0, 1, b"\x82\x86\x84") + frame(9, 0, 1, b"\x40\x01a\x01b") * 3000, [11, 1])


def rapid_reset():
    client = Client()
    client.until(h2.events.SettingsAcknowledged)
    try:
        for _ in range(3000):
            stream = client.h2.get_next_available_stream_id()
            client.h2.send_headers(stream, head("/name"), end_stream=True)
            client.h2.reset_stream(stream, 8)
            client.flush()
        while not client.ended:
            client.read()
    except (ConnectionError, h2.exceptions.ProtocolError):
        pass
    equal([int(e.error_code) for e in client.events if isinstance(e, h2.events.ConnectionTerminated)][:1] in ([11], []), True, "code")
    equal(Client().fetch("/name")[0], 200)


def too_many_streams():
    client = Client()
    client.until(h2.events.SettingsAcknowledged)
    client.fetch("/name")
    for _ in range(100):
        client.open(head("/wait/http2-many"))
    client.h2.remote_settings = h2.settings.Settings(client=False, initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 1000})
    client.open(head("/wait/http2-many"))
    equal(client.until(h2.events.ConnectionTerminated).error_code, 1, "code")
    equal(Client().fetch("/name")[0], 200)


def a_stream_that_is_not_read_holds_up_no_other():
    client = Client(window=1 << 20)
    client.acknowledges = False
    stream = client.open(head("/large/50000000"))
    client.until(h2.events.DataReceived, stream)
    client.h2.increment_flow_control_window(1 << 20)
    client.flush()
    deadline = time.time() + 1
    client.socket.settimeout(0.3)
    while time.time() < deadline:
        try:
            client.read()
        except TimeoutError:
            break
    client.socket.settimeout(10)
    got = sum(e.flow_controlled_length for e in client.events if isinstance(e, h2.events.DataReceived) and e.stream_id == stream)
    equal(got, 1 << 20, "bytes within the window")
    equal(client.fetch("/name")[2], b"upstream")


def a_request_that_is_not_read_holds_up_no_other():
    client = Client()
    stream = client.open(head("/wait/http2-slow", "POST"), end=False)
    sent = 0
    # wait reads the body first, which does not end: this goes on for as long as there is a window.
    while sent < 2_000_000:
        room = min(client.h2.local_flow_control_window(stream), 16384)
        if room == 0:
            client.read()
            continue
        client.h2.send_data(stream, b"x" * room)
        client.flush()
        sent += room
    equal(client.fetch("/name")[2], b"upstream")


def main():
    globals()[sys.argv[2].replace(" ", "_")]()


if __name__ == "__main__":
    main()
