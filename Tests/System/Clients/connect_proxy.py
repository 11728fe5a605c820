"""A proxy that takes CONNECT alone: connect_proxy.py PORT [USER:PASSWORD]. Whatever name is asked for, it connects to that port of this
machine. It prints what it was asked for and what it answered, a line each."""

import base64
import socket
import sys
import threading


def carry(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, credentials):
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65536)
        if not data:
            return
        head += data
    head, rest = head.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    fields = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
    expected = credentials and "Basic " + base64.b64encode(credentials.encode()).decode()
    if method != "CONNECT":
        status = "405 Method Not Allowed"
    elif expected and fields.get("proxy-authorization") != expected:
        status = "407 Proxy Authentication Required"
    else:
        status = "200 Connection established"
    print(method, target, status.split(" ")[0], flush=True)
    if not status.startswith("200"):
        client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        client.close()
        return
    server = socket.create_connection(("127.0.0.1", int(target.rsplit(":", 1)[1])))
    client.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
    server.sendall(rest)
    threading.Thread(target=carry, args=(server, client), daemon=True).start()
    carry(client, server)


with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, sys.argv[2] if len(sys.argv) > 2 else ""), daemon=True).start()
