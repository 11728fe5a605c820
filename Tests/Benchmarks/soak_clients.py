"""The clients of the soak: each kind of load is one loop that counts what should have succeeded and did not."""

import asyncio
import base64
import collections
import hashlib
import os
import random
import socket
import struct
import time

from soak_upstream import BLOCK, large_body, read_body, read_head, small_body

MEBIBYTE = 1 << 20


class Load:
    """Counts and the clients that fill them."""

    def __init__(self, port, endpoint, seconds):
        self.port, self.endpoint = port, endpoint.encode()
        self.done = collections.Counter()
        self.failed = collections.Counter()
        self.messages = []
        self.deadline = time.monotonic() + seconds

    def running(self):
        return time.monotonic() < self.deadline

    def head(self, method, path, extra=b""):
        return b"%s %s HTTP/1.1\r\nHost: soak\r\nx-pico-endpoint: %s\r\n%s\r\n" % (method, path, self.endpoint, extra)

    async def connect(self, receive_buffer=None):
        connection = socket.socket()
        connection.setblocking(False)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=connection, limit=receive_buffer or 2 * BLOCK)

    async def repeat(self, kind, once, pause, first_pause=0.0):
        """Runs `once` until the end of the soak; anything that it raises is a failure of its kind."""
        await asyncio.sleep(first_pause)
        while self.running():
            began = time.monotonic()
            try:
                async with asyncio.timeout(60):
                    await once()
                self.done[kind] += 1
            except Exception as error:  # the count must go on, whatever went wrong
                self.failed[kind] += 1
                if len(self.messages) < 50:
                    self.messages.append(f"{time.strftime('%H:%M:%S')} {kind}: {type(error).__name__}: {error}")
                await asyncio.sleep(0.2)
            await asyncio.sleep(max(0.0, pause * random.uniform(0.5, 1.5) - (time.monotonic() - began)))

    async def expect(self, reader, status=200):
        head = await read_head(reader)
        if head is None:
            raise ConnectionError("closed without a response")
        first, fields = head
        if int(first.split(b" ")[1]) != status:
            body = b"".join([piece async for piece in read_body(reader, fields)])
            raise ValueError(f"{first.decode()}: {body[:200].decode(errors='replace')}")
        return fields

    def small(self):
        """Small requests on one kept connection, GET and POST in turn."""
        state = {}

        async def once():
            if "writer" not in state:
                state["reader"], state["writer"] = await self.connect()
            seed = random.getrandbits(32)
            try:
                if seed % 4:
                    state["writer"].write(self.head(b"GET", b"/small/%d" % seed))
                else:
                    state["writer"].write(self.head(b"POST", b"/small/%d" % seed, b"Content-Length: 100\r\n") + bytes(100))
                fields = await self.expect(state["reader"])
                body = b"".join([piece async for piece in read_body(state["reader"], fields)])
                if body != small_body(seed):
                    raise ValueError(f"wrong body for {seed}: {body[:80]!r}")
                if fields.get(b"connection", b"").lower() == b"close":
                    raise ConnectionResetError("the server asked to close")
            except BaseException:
                state.pop("writer").close()
                raise

        return once

    def download(self, size, pause=0.0):
        """A large body compared block by block; with `pause` the reader is slow."""
        async def once():
            reader, writer = await self.connect(receive_buffer=32 * 1024 if pause else None)
            try:
                seed = random.getrandbits(32)
                chunked = b"?chunked" if seed % 2 and not pause else b""
                writer.write(self.head(b"GET", b"/large/%d/%d" % (seed, size) + chunked, b"Connection: close\r\n"))
                fields = await self.expect(reader)
                wanted, got = hashlib.sha256(), hashlib.sha256()
                for block in large_body(seed, size):
                    wanted.update(block)
                count = 0
                async for data in read_body(reader, fields):
                    got.update(data)
                    count += len(data)
                    if pause:
                        await asyncio.sleep(pause)
                if count != size or wanted.digest() != got.digest():
                    raise ValueError(f"{count} bytes of {size}, or other ones")
            finally:
                writer.close()

        return once

    def upload(self, size, piece=BLOCK, pause=0.0):
        async def once():
            reader, writer = await self.connect()
            try:
                seed = random.getrandbits(32)
                chunked = bool(seed % 2)
                framing = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % size
                writer.write(self.head(b"PUT", b"/digest", framing))
                digest = hashlib.sha256()
                for block in large_body(seed, size):
                    digest.update(block)
                    for offset in range(0, len(block), piece):
                        data = block[offset:offset + piece]
                        writer.write(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)
                        await writer.drain()
                        if pause:
                            await asyncio.sleep(pause)
                if chunked:
                    writer.write(b"0\r\n\r\n")
                fields = await self.expect(reader)
                body = b"".join([data async for data in read_body(reader, fields)])
                if body != digest.hexdigest().encode():
                    raise ValueError("the upstream saw another body")
            finally:
                writer.close()

        return once

    def abort(self):
        """Vanishes in the middle of a request or a response; only a connection that is refused counts as a failure."""
        async def once():
            reader, writer = await self.connect()
            connection = writer.get_extra_info("socket")
            way = random.randrange(4)
            try:
                if way == 0:  # in the request's body
                    writer.write(self.head(b"PUT", b"/digest", b"Content-Length: 1000000\r\n") + bytes(200_000))
                    await asyncio.sleep(0.02)
                elif way == 1:  # in the response's body
                    writer.write(self.head(b"GET", b"/large/1/%d" % (8 * MEBIBYTE)))
                    await reader.readexactly(100_000)
                elif way == 2:  # in the head
                    writer.write(self.head(b"GET", b"/small/1")[:40])
                    await asyncio.sleep(0.01)
                else:  # before the response
                    writer.write(self.head(b"GET", b"/small/1"))
                if random.random() < 0.7:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            finally:
                writer.transport.abort()

        return once

    def upgraded(self, messages=20, pause=0.4):
        """A WebSocket handshake, then bytes that must come back, then a half-close that must come back too."""
        async def once():
            reader, writer = await self.connect()
            try:
                key = base64.b64encode(os.urandom(16))
                writer.write(self.head(b"GET", b"/echo", b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                       b"Sec-WebSocket-Key: " + key + b"\r\n"))
                await self.expect(reader, 101)
                for _ in range(messages):
                    message = os.urandom(random.choice((2, 200, 20_000)))
                    writer.write(message)
                    if await reader.readexactly(len(message)) != message:
                        raise ValueError("other bytes came back")
                    await asyncio.sleep(pause)
                writer.write_eof()
                if await reader.read():
                    raise ValueError("bytes after the end")
            finally:
                writer.close()

        return once

    def kinds(self, rate):
        """(kind, clients, what one does, pause between two)."""
        connections = 20
        return [
            ("small", connections, self.small, connections / rate),
            ("idle then small", 4, self.small, 20.0),
            ("large download", 1, lambda: self.download(32 * MEBIBYTE), 3.0),
            ("large upload", 1, lambda: self.upload(32 * MEBIBYTE), 3.0),
            ("slow reader", 4, lambda: self.download(2 * MEBIBYTE, pause=0.02), 1.0),
            ("slow writer", 4, lambda: self.upload(BLOCK, piece=1024, pause=0.05), 1.0),
            ("aborted", 4, self.abort, 0.4),
            ("upgraded", 6, self.upgraded, 1.0),
        ]

    def start(self, rate):
        return [
            asyncio.create_task(self.repeat(kind, client(), pause, random.uniform(0, min(pause, 2.0))))
            for kind, clients, client, pause in self.kinds(rate) for _ in range(clients)
        ]
