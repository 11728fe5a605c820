"""A server of the status WebSocket with as many rows and changes as wanted, and with faults.

    status_server.py PORT [--endpoints N] [--listeners N] [--changes N] [--names plain|evil] [--role operator|viewer] [--tls CERT KEY]
                          [--fault NAME] [--after N] [--token TOKEN] [--clock]

It answers what docs/status-protocol.md says of subscribe, resync, history, errors and tail, and takes every action without doing it. It prints
`ready PORT` when it listens, then a line for each connection and message of a client. SIGUSR1 breaks all connections off and takes none until the next.

Faults, each at the first connection unless `--after N` lets N connections be good:
  plain-200, plain-404, refused-401, refused-403, busy-503   an HTTP answer instead of the upgrade
  not-http        bytes that are no HTTP at all
  silent          takes the connection and never answers
  no-hello        an upgrade, and then nothing
  wrong-start     an update before the hello
  newer           a hello of protocol 7 to 9
  garbage         a text message that is no JSON, after the snapshot
  not-utf8        a text message that is not UTF-8
  binary          a binary message
  huge            a message of 10 MB that is well formed: one endpoint with a very long agent name
  cut             ends in the middle of a snapshot of several parts
  parts           a snapshot in parts with one left out, until asked again
  back            the clock goes back an hour
  gap             leaves one update out, every third
  trickle         sends the snapshot a few bytes at a time
  fragments       sends each message in small frames with pings between them
  close           says good-bye with a reason after the snapshot
  unknown         messages and members that nobody knows yet
"""

import argparse
import asyncio
import datetime
import json
import random
import signal
import ssl
import sys
import time

import websockets
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.http11 import Response

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int)
parser.add_argument("--endpoints", type=int, default=5)
parser.add_argument("--listeners", type=int, default=2, help="of each of the first 500 endpoints")
parser.add_argument("--changes", type=int, default=0, help="rows that change in a second")
parser.add_argument("--names", choices=["plain", "evil"], default="plain")
parser.add_argument("--role", default="operator")
parser.add_argument("--node", default="n-1", help="the ID of the one node")
parser.add_argument("--tls", nargs=2)
parser.add_argument("--client-ca")
parser.add_argument("--token")
parser.add_argument("--fault", default="")
parser.add_argument("--after", type=int, default=0)
parser.add_argument("--clock", action="store_true", help="an endpoint `clock-MILLISECONDS` that is new in each update")
parser.add_argument("--part", type=int, default=1000, help="rows of a part of a snapshot")
options = parser.parse_args()

chance = random.Random(7)
EVIL = [
    "\x1b[2J\x1b[31mred", "\x1b]52;c;ZXZpbA==\x07", "\x9b5n", "line\nbreak\ttab", "日本語の名前", "e\u0301\u0301\u0301\u0301\u0301\u0301x", "\u202ereversed\u202c",
    "مرحبا", "👩‍👩‍👧‍👦 family", "\u200bzero\u200bwidth", "ﷺ", "a" * 300, "<b>&amp;", "%s%n", "\U000e0041tag", "नमस्ते",
]


def clock(offset=0.0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z"


STARTED = clock(-3700)


def latency(scale):
    return {"p50": round(scale, 2), "p90": round(scale * 2, 2), "p99": round(scale * 5, 2), "max": round(scale * 9, 2)}


class Fleet:
    def __init__(self):
        self.endpoints = {}
        self.listeners = {}
        for number in range(options.endpoints):
            name = f"endpoint-{number:06}"
            self.endpoints[name] = self.endpoint(name)
            for index in range(options.listeners if number < 500 else 0):
                row = self.listener(f"l-{number:06}-{index}", name)
                if options.names == "evil":
                    row["agent"] = EVIL[(number + index) % len(EVIL)]
                    row["identity"] = EVIL[(number + index + 1) % len(EVIL)]
                self.listeners[row["id"]] = row
        self.names = list(self.endpoints)
        # As JSON, so that a large snapshot does not wait for Python.
        self.texts = {name: json.dumps(row, separators=(",", ":")) for name, row in self.endpoints.items()}

    def endpoint(self, name):
        rate = round(chance.expovariate(1 / 50), 1)
        errors = round(rate * chance.choice([0, 0, 0, 0.01, 0.2]), 2)
        return {
            "id": name, "listeners": options.listeners, "nodes": 1, "in_flight": int(rate / 10), "requests_total": int(rate * 1000),
            "request_rate": rate, "error_rate": errors,
            "status": {"1xx": 0, "2xx": int(rate * 900), "3xx": 0, "4xx": int(rate * 50), "5xx": int(errors * 1000)},
            "latency_ms": latency(chance.uniform(1, 80)), "bytes_in_rate": round(rate * 300), "bytes_out_rate": round(rate * 4000),
        }

    def listener(self, identity, endpoint):
        return {
            "id": identity, "endpoint": endpoint, "node": options.node, "agent": "a-" + identity, "version": "1.0.0",
            "remote_address": "10.1.2.3:4567", "connected_at": STARTED, "state": "active", "rtt_ms": 1.5, "in_flight": 1, "requests_total": 100,
            "request_rate": 5.5, "error_rate": 0, "latency_ms": latency(4), "bytes_in_rate": 10, "bytes_out_rate": 20,
        }

    def change(self, count):
        """That many endpoints get other figures; gives the changed members."""
        changed = []
        for name in chance.sample(self.names, min(count, len(self.names))):
            row = self.endpoints[name]
            # Up and down by a fifth, and back to where it was in the long run.
            drift = 0.9 if row["request_rate"] > 300 else 1.1 if row["request_rate"] < 1 else 1
            row["request_rate"] = round(row["request_rate"] * drift * chance.uniform(0.82, 1.22) + 0.01, 2)
            row["requests_total"] += int(row["request_rate"]) + 1
            row["in_flight"] = int(row["request_rate"] / 10)
            row["latency_ms"] = latency(row["latency_ms"]["p50"] * chance.uniform(0.9, 1.1))
            self.texts[name] = json.dumps(row, separators=(",", ":"))
            members = ["id", "request_rate", "requests_total", "in_flight", "latency_ms"]
            changed.append({key: row[key] for key in members})
        return changed

    @property
    def nodes(self):
        return [{
            "id": options.node, "address": "127.0.0.1:8082", "version": "1.0.0", "state": "active", "started_at": STARTED, "listeners": len(self.listeners),
            "endpoints": len(self.endpoints), "request_rate": 12.5, "in_flight": 3, "cpu": 0.25, "rss_bytes": 50_000_000, "connected": True,
        }]

    @property
    def totals(self):
        return [{
            "id": "totals", "endpoints": len(self.endpoints), "listeners": len(self.listeners), "in_flight": 3, "requests_total": 100_000,
            "request_rate": 1234.5, "error_rate": 1.5, "status": {"1xx": 0, "2xx": 90_000, "3xx": 10, "4xx": 500, "5xx": 20},
            "latency_ms": latency(12), "bytes_in_rate": 1000, "bytes_out_rate": 20_000,
        }]


fleet = Fleet()
connections = 0
sockets = set()
is_open = True


def say(*words):
    print(*words, flush=True)


class Watcher:
    """One client."""

    def __init__(self, socket, fault):
        self.socket = socket
        self.fault = fault
        self.subscriptions = {}
        self.offset = 0.0

    async def send(self, message):
        text = message if isinstance(message, (str, bytes)) else json.dumps(message, separators=(",", ":"))
        if self.fault == "fragments" and isinstance(text, str) and len(text) > 40:
            step = max(20, len(text) // 50)

            async def pieces():
                for start in range(0, len(text), step):
                    yield text[start:start + step]
                    if start % (step * 10) == 0:
                        await self.socket.ping()

            await self.socket.send(pieces())
        else:
            await self.socket.send(text)

    def rows(self, table, subscription):
        if table == "listeners":
            endpoint = subscription.get("endpoint")
            rows = [row for row in fleet.listeners.values() if endpoint in (None, row["endpoint"])]
        elif table == "endpoints":
            rows = list(fleet.endpoints.values())
        else:
            rows = {"nodes": fleet.nodes, "totals": fleet.totals, "blocks": []}[table]
        if subscription.get("sort") == "-request_rate":
            rows = sorted(rows, key=lambda row: -row["request_rate"])
        return rows[:subscription["limit"]] if "limit" in subscription else rows

    async def snapshot(self, name):
        state = self.subscriptions[name]
        state["seq"] += 1
        tables = state["subscription"].get("tables", ["nodes", "endpoints"])
        parts = []
        for table in tables:
            rows = self.rows(table, state["subscription"])
            for start in range(0, max(1, len(rows)), options.part):
                parts.append({table: rows[start:start + options.part]})
        total = sum(len(rows) for part in parts for rows in part.values())
        if self.fault == "huge":
            parts[-1].setdefault("endpoints", []).append(dict(fleet.endpoint("huge"), id="h" * 10_000_000))
        for number, part in enumerate(parts):
            message = {"type": "snapshot", "id": name, "seq": state["seq"], "total": total, "part": number + 1, "parts": len(parts), "now": clock(self.offset)}
            if self.fault == "cut" and number == len(parts) - 1:
                self.socket.transport.abort()
                return
            if self.fault == "parts" and number == 1 and not state["repeated"]:
                continue
            if self.fault == "trickle":
                text = json.dumps({**message, **part}).encode()
                await self.trickle(text)
                continue
            await self.send(self.text({**message, **part}))
        state["repeated"] = True
        if self.fault == "garbage":
            await self.send("this is \x00 no { JSON")
        elif self.fault == "not-utf8":
            self.socket.transport.write(b"\x81\x05ab\xff\xfe!")
        elif self.fault == "binary":
            await self.send(b"\x00\x01\x02")
        elif self.fault == "close":
            await self.socket.close(1012, "restarting \x1b[31mnow")
        elif self.fault == "unknown":
            await self.send({"type": "tomorrow", "id": name, "value": {"deep": [1, None, "x"]}})

    def text(self, message):
        rows = message.pop("endpoints", None)
        text = json.dumps(message, separators=(",", ":"))
        if rows is None:
            return text
        texts = [fleet.texts.get(row["id"]) or json.dumps(row, separators=(",", ":")) for row in rows]
        return f'{text[:-1]},"endpoints":[{",".join(texts)}]}}'

    async def trickle(self, payload):
        """One frame, slowly."""
        head = bytes([0x81, 127]) + len(payload).to_bytes(8, "big") if len(payload) > 65535 else bytes([0x81, 126]) + len(payload).to_bytes(2, "big")
        data = head + payload
        step = max(7, len(data) // 25)
        for start in range(0, len(data), step):
            if self.socket.transport.is_closing():
                return
            self.socket.transport.write(data[start:start + step])
            await asyncio.sleep(0.02)

    async def updates(self, name):
        state = self.subscriptions[name]
        interval = state["subscription"].get("interval_ms", 1000) / 1000
        loop = asyncio.get_running_loop()
        due = loop.time() + interval
        count = 0
        while self.subscriptions.get(name) is state:
            await asyncio.sleep(max(0, due - loop.time()))
            due += interval
            count += 1
            state["seq"] += 1
            message = {"type": "update", "id": name, "seq": state["seq"], "now": clock(self.offset), "total": len(fleet.endpoints)}
            if "endpoints" in state["subscription"].get("tables", ["endpoints"]) and "limit" not in state["subscription"]:
                message["endpoints"] = fleet.change(int(options.changes * interval))
            if options.clock and "endpoints" in message:
                old = state.get("clock")
                state["clock"] = f"clock-{int(time.time() * 1000)}"
                message["endpoints"].append(dict(fleet.endpoint(state["clock"]), request_rate=1e9))
                message["removed"] = {"endpoints": [old] if old else []}
            if self.fault == "unknown":
                message["colour"] = "blue"
            if self.fault == "gap" and count % 3 == 0:
                continue
            if self.fault == "back" and count == 2:
                self.offset = -3600.0
            await self.send(message)

    async def receive(self, text):
        message = json.loads(text)
        kind, name = message.get("type"), message.get("id")
        say("message", kind, text if len(text) < 500 else "")
        if kind == "subscribe":
            self.subscriptions[name] = {"subscription": message, "seq": 0, "repeated": False}
            await self.snapshot(name)
            self.start(self.updates(name))
        elif kind == "unsubscribe":
            self.subscriptions.pop(name, None)
        elif kind == "resync" and name in self.subscriptions:
            await self.snapshot(name)
        elif kind == "history":
            await self.send({"type": "history", "endpoint": message.get("endpoint"), "now": clock(), "series": []})
        elif kind == "errors":
            await self.send({"type": "errors", "endpoint": message["endpoint"], "errors": []})
        elif kind == "disconnect":
            listeners = message.get("listeners", [])
            await self.send({"type": "result", "id": name, "results": [{"listener": one, "ok": True} for one in listeners], "matched": len(listeners)})
        elif kind in ("unblock", "drain-node"):
            await self.send({"type": "result", "id": name, "ok": True, "results": []})
        elif kind == "tail":
            for number in range(20):
                await self.send({
                    "type": "request", "id": name, "at": clock(), "method": "GET", "path": f"/{EVIL[number % len(EVIL)]}", "status": 200, "latency_ms": 3.5,
                    "listener": "l-1", "node": options.node, "bytes_in": 1, "bytes_out": 2, "request_id": f"r-{number}",
                })

    def start(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.append(task)

    async def run(self):
        self.tasks = []
        try:
            if self.fault == "no-hello":
                await self.socket.wait_closed()
                return
            if self.fault == "wrong-start":
                await self.send({"type": "update", "id": "fleet", "seq": 2, "now": clock()})
            low, high = (7, 9) if self.fault == "newer" else (1, 1)
            await self.send({
                "type": "hello", "protocol": {"min": low, "max": high}, "node": options.node, "version": "1.0.0", "role": options.role, "now": clock(),
            })
            for number in range(3):
                await self.send({"type": "event", "at": clock(), "kind": "listener-connected", "node": options.node, "number": number + 1, "endpoint": "endpoint-000000", "agent": EVIL[number]})
            async for text in self.socket:
                await self.receive(text)
        except websockets.ConnectionClosed:
            pass
        finally:
            for task in self.tasks:
                task.cancel()


HTTP = {"plain-200": (200, "OK"), "plain-404": (404, "Not Found"), "refused-401": (401, "Unauthorized"), "refused-403": (403, "Forbidden"), "busy-503": (503, "Busy")}


def fault_now():
    return options.fault if connections > options.after else ""


async def before_upgrade(connection, request):
    global connections
    connections += 1
    say("connection", connections, request.headers.get("Authorization", "no token"))
    if not is_open:
        connection.transport.abort()
        return None
    if options.token and request.headers.get("Authorization") != "Bearer " + options.token:
        return Response(401, "Unauthorized", Headers(), b"{}")
    fault = fault_now()
    if fault in HTTP:
        status, reason = HTTP[fault]
        return Response(status, reason, Headers(), b"<html>hello</html>")
    if request.path != "/status/v1/watch":
        return Response(404, "Not Found", Headers(), b"{}")
    return None


async def handle(socket):
    sockets.add(socket)
    try:
        await Watcher(socket, fault_now()).run()
    finally:
        sockets.discard(socket)


def switch():
    global is_open
    is_open = not is_open
    if not is_open:
        for socket in list(sockets):
            socket.transport.abort()


async def raw(reader, writer):
    say("connection raw")
    if options.fault == "silent":
        await reader.read()
    else:
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n\x00\x01\x02")
        await writer.drain()
        await asyncio.sleep(0.2)
    writer.close()


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, switch)
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        if options.client_ca:
            context.load_verify_locations(options.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    if options.fault in ("silent", "not-http"):
        server = await asyncio.start_server(raw, "127.0.0.1", options.port)
        port = server.sockets[0].getsockname()[1]
    else:
        server = await serve(
            handle, "127.0.0.1", options.port, process_request=before_upgrade, ssl=context, max_size=None, compression=None, ping_interval=15)
        port = next(iter(server.sockets)).getsockname()[1]
    say("ready", port)
    await asyncio.Future()


try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(0)
