"""A service of HTTP/2 in the clear that treats every request in one way.

usage: http2_service.py PORT refuse|leave|reset|malformed|serve
"""

import socket
import sys
import threading

import h2.config
import h2.connection
import h2.events

MODE = sys.argv[2]


def treat(link, stream):
    if MODE == "refuse":
        link.reset_stream(stream, 7)
    elif MODE == "leave":
        link.close_connection(last_stream_id=0)
    elif MODE == "reset":
        link.reset_stream(stream, 2)
    elif MODE == "malformed":
        link.send_headers(stream, [(":status", "200"), ("x-a", "b\r\nx-evil: 1")], end_stream=True)
    else:
        link.send_headers(stream, [(":status", "200"), ("content-length", "6")])
        link.send_data(stream, b"served", end_stream=True)


def handle(connection):
    link = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False))
    link.initiate_connection()
    connection.sendall(link.data_to_send())
    while data := connection.recv(65536):
        for event in link.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                treat(link, event.stream_id)
        connection.sendall(link.data_to_send())


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
