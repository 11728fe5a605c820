"""A service that counts what it is asked, and a load at a constant rate that looks at every answer."""

import asyncio
import collections
import time


class Service:
    """Answers with method, path and body, after `delay` seconds, and counts what it was asked."""

    def __init__(self, port, delay=0.005):
        self.delay, self.seen, self.port = delay, collections.Counter(), port
        self.open = set()

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    async def stop(self):
        """As when its process is killed: nothing that was begun is finished."""
        self.server.close()
        for writer in list(self.open):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                length = next((int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
                body = await reader.readexactly(length) if length else b""
                self.seen[path] += 1
                await asyncio.sleep(self.delay)
                answer = f"{method} {path} ".encode() + body
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()


class Outcome:
    """What became of a request; times are seconds since the load began."""

    __slots__ = ("at", "ended", "method", "number", "endpoint", "words", "ingress")

    def __init__(self, at, ended, method, number, endpoint, words, ingress):
        self.at, self.ended, self.method, self.number, self.endpoint, self.words = at, ended, method, number, endpoint, words
        self.ingress = ingress

    @property
    def is_good(self):
        return self.words == "ok"

    def __str__(self):
        return f"at {self.at:.2f} s: {self.method} /{self.number} for {self.endpoint} by {self.ingress or '?'} after {self.ended - self.at:.2f} s: {self.words}"


class Load:
    """Each request begins when it is due, whatever became of those before it, on an idle connection or a new one."""

    def __init__(self, address, endpoints, rate=200, timeout=40):
        self.address, self.endpoints, self.rate, self.timeout = address, endpoints, rate, timeout
        self.outcomes, self.idle, self.tasks, self.number, self.is_over = [], [], set(), 0, False

    @property
    def now(self):
        return time.monotonic() - self.began

    def start(self):
        self.began = time.monotonic()
        self.pacer = asyncio.create_task(self.pace())

    async def stop(self):
        self.is_over = True
        await self.pacer
        if self.tasks:
            await asyncio.wait(self.tasks)
        for _, writer in self.idle:
            writer.close()

    async def pace(self):
        while not self.is_over:
            await asyncio.sleep(self.number / self.rate - self.now)
            self.number += 1
            task = asyncio.create_task(self.one(self.number))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def connection(self):
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(*self.address)

    async def one(self, number):
        method = "GET" if number % 2 else "POST"
        # Not in step with the methods.
        endpoint = self.endpoints[number // 2 % len(self.endpoints)]
        at, connection, keeps, ingress = self.now, None, False, None
        try:
            connection = await self.connection()
            words, keeps, ingress = await asyncio.wait_for(self.ask(connection, method, number, endpoint), self.timeout)
        except asyncio.TimeoutError:
            words = "no answer"
        except (OSError, asyncio.IncompleteReadError) as error:
            words = type(error).__name__
        self.outcomes.append(Outcome(at, self.now, method, number, endpoint, words, ingress))
        if connection and keeps:
            self.idle.append(connection)
        elif connection:
            connection[1].close()

    async def ask(self, connection, method, number, endpoint):
        reader, writer = connection
        body = f"body of {number}".encode() if method == "POST" else b""
        path = f"/{number}"
        writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: pico\r\nx-pico-endpoint: {endpoint}\r\n".encode()
            + (b"Content-Length: %d\r\n" % len(body) if body else b"") + b"\r\n" + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ")[1])
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
        answer = await reader.readexactly(int(fields.get("content-length", 0)))
        keeps, ingress = fields.get("connection") != "close", fields.get("x-ingress")
        if status != 200:
            return f"{status} {fields.get('x-pico-error', 'of HAProxy')}", keeps, ingress
        return ("ok" if answer == f"{method} {path} ".encode() + body else "another's answer"), keeps, ingress
