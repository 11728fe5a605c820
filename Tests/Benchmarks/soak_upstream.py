"""The service behind the soak: what it answers follows from the request, so that a client can check every byte.

usage: soak_upstream.py PORT
  GET  /small/SEED              one line that follows from SEED
  GET  /large/SEED/BYTES        that many bytes, with Content-Length; ?chunked makes it chunked
  PUT  /digest                  the SHA-256 of the request body
  any  with Upgrade: websocket  101, then every byte comes back until the client half-closes
"""

import asyncio
import base64
import hashlib
import sys

BLOCK = 64 * 1024


def small_body(seed):
    return hashlib.sha256(b"small %d" % seed).hexdigest().encode() * 2


def large_block(seed, index):
    return hashlib.sha256(b"large %d %d" % (seed, index % 16)).digest() * (BLOCK // 32)


def large_body(seed, size):
    """The blocks of a large body, the last one cut to fit."""
    for index in range((size + BLOCK - 1) // BLOCK):
        yield large_block(seed, index)[: size - index * BLOCK]


async def read_head(reader):
    """(first line, {name: value}), or None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head[:-4].split(b"\r\n")
    return first, {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}


async def read_body(reader, fields):
    """The pieces of a body as they come, by Content-Length or chunked."""
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            if not size:
                await reader.readuntil(b"\r\n")
                return
            yield await reader.readexactly(size)
            await reader.readexactly(2)
    left = int(fields.get(b"content-length", b"0"))
    while left:
        piece = await reader.read(min(left, BLOCK))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)
        yield piece


async def answer(first, fields, reader, writer):
    target = first.split(b" ")[1]
    path, _, query = target.partition(b"?")
    words = path.strip(b"/").split(b"/")
    if fields.get(b"upgrade", b"").lower() == b"websocket":
        key = fields[b"sec-websocket-key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                     + accept + b"\r\n\r\n")
        while piece := await reader.read(BLOCK):
            writer.write(piece)
            await writer.drain()
        return False
    if words[0] == b"small":
        async for _ in read_body(reader, fields):
            pass
        body = small_body(int(words[1]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    elif words[0] == b"large":
        seed, size = int(words[1]), int(words[2])
        if query == b"chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for block in large_body(seed, size):
                writer.write(b"%x\r\n" % len(block) + block + b"\r\n")
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for block in large_body(seed, size):
                writer.write(block)
                await writer.drain()
    else:
        digest = hashlib.sha256()
        async for piece in read_body(reader, fields):
            digest.update(piece)
        body = digest.hexdigest().encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    return True


async def serve(reader, writer):
    try:
        while head := await read_head(reader):
            if not await answer(*head, reader, writer):
                break
        writer.close()
        await writer.wait_closed()
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
