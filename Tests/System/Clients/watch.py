"""A watcher of the status WebSocket on another library than ours, which keeps the tables as docs/status-protocol.md says.
usage: watch.py ADMIN_PORT PROXY_PORT ENDPOINT"""

import asyncio
import json
import sys
import urllib.request

import websockets

ADMIN, PROXY, ENDPOINT = sys.argv[1], sys.argv[2], sys.argv[3]


class Tables:
    def __init__(self):
        self.rows, self.seq = {}, 0

    def take(self, message):
        kind = message["type"]
        if kind == "snapshot" and message.get("part", 1) == 1:
            self.rows = {}
        if kind in ("snapshot", "update"):
            assert message["seq"] == self.seq + 1, f"seq {message['seq']} behind {self.seq}"
            self.seq = message["seq"]
            for table in ("nodes", "endpoints", "listeners", "totals", "blocks"):
                for row in message.get(table, []):
                    self.rows.setdefault((table, row["id"]), {}).update(row)
                for key in message.get("removed", {}).get(table, []):
                    del self.rows[table, key]


def ask(path):
    request = urllib.request.Request(f"http://127.0.0.1:{PROXY}{path}", headers={"x-pico-endpoint": ENDPOINT})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


async def main():
    async with websockets.connect(f"ws://127.0.0.1:{ADMIN}/status/v1/watch") as socket:

        async def receive():
            return json.loads(await asyncio.wait_for(socket.recv(), 20))

        async def find(kind):
            while True:
                message = await receive()
                if message["type"] == kind:
                    return message

        async def send(**message):
            await socket.send(json.dumps(message))

        hello = await receive()
        assert hello["type"] == "hello" and hello["role"] == "operator" and hello["protocol"] == {"min": 1, "max": 1}, hello
        await send(type="nothing", id="n")
        assert (await find("error"))["code"] == "unknown-type"
        await send(type="tail", id="t", endpoint=ENDPOINT)
        await send(type="subscribe", id="s", tables=["nodes", "endpoints", "listeners", "totals"], interval_ms=100, events_since={})
        tables, tailed, events = Tables(), [], []
        loop = asyncio.get_running_loop()
        asked = loop.run_in_executor(None, lambda: [ask("/name?key=secret") for _ in range(25)])
        before = None

        def total():
            return tables.rows.get(("endpoints", ENDPOINT), {}).get("requests_total", 0)

        while before is None or total() < before + 25 or len(tailed) < 25 or not events:
            message = await receive()
            tables.take(message)
            if message["type"] == "snapshot":
                before = before if before is not None else 0
            if message["type"] == "request":
                tailed.append(message)
            if message["type"] == "event":
                events.append(message["kind"])
            if asked.done():
                asked.result()
        assert tables.rows["nodes", hello["node"]]["connected"] is True
        assert all(message["path"] == "/name?…" and message["status"] == 200 for message in tailed), tailed
        assert "secret" not in json.dumps(tailed)
        assert events[0] == "node-joined", events
        listener = next(key for table, key in tables.rows if table == "listeners")
        await send(type="disconnect", id="d", listeners=[listener], mode="now")
        result = await find("result")
        assert result["results"][0]["ok"] is True, result
        await send(type="history", endpoint=ENDPOINT)
        history = await find("history")
        assert [series["step_ms"] for series in history["series"]] == [1000, 10000], history
    print("ok")


asyncio.run(main())
