"""An echo server on the `websockets` library; "close N" closes with that code. usage: websocket_upstream.py PORT"""

import sys

from websockets.sync.server import serve


def echo(chat):
    for message in chat:
        if isinstance(message, str) and message.startswith("close "):
            chat.close(int(message.split()[1]))
            return
        chat.send(message)


with serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=None) as server:
    server.serve_forever()
