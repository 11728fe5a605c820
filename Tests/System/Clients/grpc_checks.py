"""gRPC end to end, without generated code: messages are bytes.

usage: grpc_checks.py serve PORT
       grpc_checks.py call PORT ENDPOINT
"""

import sys
import threading
import time
from concurrent import futures

import grpc

CANCELLED = threading.Event()


def unary(request, context):
    if request == b"fail":
        context.set_trailing_metadata([("x-why", "because"), ("x-data-bin", b"\x00\xff")])
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "ä failure")
    if request == b"was cancelled":
        return b"yes" if CANCELLED.wait(10) else b"no"
    context.send_initial_metadata([("x-initial", dict(context.invocation_metadata()).get("x-asked", ""))])
    context.set_trailing_metadata([("x-trailing", "t")])
    return request[::-1]


def both(requests, context):
    for request in requests:
        yield request.upper()


def endless(request, context):
    context.add_callback(CANCELLED.set)
    while context.is_active():
        yield b"tick"
        time.sleep(0.01)


def serve(port):
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Endless": grpc.unary_stream_rpc_method_handler(endless),
    }
    server = grpc.server(futures.ThreadPoolExecutor(16), handlers=[grpc.method_handlers_generic_handler("test.Test", handlers)])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def equal(got, wanted):
    if got != wanted:
        raise AssertionError(f"{got!r}, not {wanted!r}")


def call(port, endpoint):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1)])
    to = [("x-pico-endpoint", endpoint)]
    reverse = channel.unary_unary("/test.Test/Unary")

    reply, details = reverse.with_call(b"abc", metadata=[*to, ("x-asked", "here")], timeout=10)
    equal(reply, b"cba")
    equal(dict(details.initial_metadata())["x-initial"], "here")
    equal(dict(details.trailing_metadata())["x-trailing"], "t")

    large = bytes(range(256)) * 12_000
    equal(reverse(large, metadata=to, timeout=30), large[::-1])

    try:
        reverse(b"fail", metadata=to, timeout=10)
        raise AssertionError("no failure")
    except grpc.RpcError as error:
        equal((error.code(), error.details()), (grpc.StatusCode.FAILED_PRECONDITION, "ä failure"))
        trailers = dict(error.trailing_metadata())
        equal((trailers["x-why"], trailers["x-data-bin"]), ("because", b"\x00\xff"))

    # Each message is sent when the answer to the last one is there.
    turn = threading.Semaphore(1)

    def messages():
        for number in range(50):
            turn.acquire()
            yield b"message %d" % number

    answers = []
    for answer in channel.stream_stream("/test.Test/Both")(messages(), metadata=to, timeout=30):
        answers.append(answer)
        turn.release()
    equal(answers, [b"MESSAGE %d" % number for number in range(50)])

    stream = channel.unary_stream("/test.Test/Endless")(b"", metadata=to, timeout=30)
    equal([next(stream) for _ in range(5)], [b"tick"] * 5)
    stream.cancel()
    equal(reverse(b"was cancelled", metadata=to, timeout=15), b"yes")

    with futures.ThreadPoolExecutor(50) as pool:
        equal(list(pool.map(lambda n: reverse(b"%d" % n, metadata=to, timeout=30), range(1000))), [b"%d" % n if n < 10 else (b"%d" % n)[::-1] for n in range(1000)])

    try:
        reverse(b"abc", metadata=[("x-pico-endpoint", "nobody")], timeout=10)
        raise AssertionError("no failure")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1] == "serve" else call(sys.argv[2], sys.argv[3])
