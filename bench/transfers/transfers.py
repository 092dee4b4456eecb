"""How long large messages take on a line with a round trip: a grpcio client makes the same calls to each server
in turn, through a proxy that delays both directions. `run` starts it."""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from lib import ours
from toxiproxy import delayed

SERVICE, METHOD = "longsync.v1.LongSyncService", "LongSync"
# 4 MiB is the largest message that servers accept by default, and the fields around the payload count as well.
SIZES = {"1 MiB": 1 << 20, "4 MiB": (4 << 20) - 64}
ROUND_TRIPS_MS = (20, 40)
CALLS = 10
SERVERS = ("longsync", "grpc-go", "grpcio")
UNLIMITED = [("grpc.max_receive_message_length", -1)]


def messages():
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(Path(os.environ["DESCRIPTORS"]).read_bytes()).file:
        pool.Add(file)
    method = pool.FindServiceByName(SERVICE).methods_by_name[METHOD]
    return map(message_factory.GetMessageClass, (method.input_type, method.output_type))


Request, Response = messages()


def serve():
    """A server as grpcio's own examples would write it."""

    def answer(request, _):
        return Response(message="Done!", payload=bytes(request.response_bytes))

    handler = grpc.unary_unary_rpc_method_handler(answer, Request.FromString, Response.SerializeToString)
    server = grpc.server(ThreadPoolExecutor())
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"grpcio listening on http://127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


@contextlib.contextmanager
def started(*command):
    """Yields the address of a server whose first line ends with it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().rstrip("\n").rpartition("/")[2]
        finally:
            process.kill()


def took_ms(address, request):
    """The durations of calls made one after another on a new connection."""
    options = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options) as channel:
        grpc.channel_ready_future(channel).result(timeout=15)
        call = channel.unary_unary(f"/{SERVICE}/{METHOD}", Request.SerializeToString, Response.FromString)
        took = []
        for _ in range(CALLS):
            start = time.perf_counter()
            answer = call(request, timeout=30)
            took.append((time.perf_counter() - start) * 1e3)
            assert len(answer.payload) == request.response_bytes, len(answer.payload)
        return took


def request_for(direction, size):
    # An explicit delay of zero: without one, longsync's server would wait.
    request = Request(payload=bytes(size)) if direction == "up" else Request(response_bytes=size)
    request.delay.SetInParent()
    return request


def measure(rounds):
    with contextlib.ExitStack() as stack:
        servers = {
            "longsync": os.environ["ADDR"],
            "grpc-go": stack.enter_context(started(os.environ["GRPC_GO"], "server")),
            "grpcio": stack.enter_context(started(sys.executable, __file__, "serve")),
        }
        print(f"Medians of {rounds} connections, in ms: the first call / the tenth.\n")
        print("| direction | size | round trip |", *(f"{server} |" for server in SERVERS))
        print("|---|---|---:|", *("---:|" for _ in SERVERS), sep="")
        for round_trip in ROUND_TRIPS_MS:
            lines = {
                name: stack.enter_context(delayed(server, round_trip // 2, round_trip // 2))
                for name, server in servers.items()
            }
            for direction in ("up", "down"):
                for size in SIZES:
                    row(direction, size, round_trip, lines, rounds)
            for size in SIZES:
                row_of_our_client(size, round_trip, lines, rounds)


def row(direction, size, round_trip, lines, rounds):
    request = request_for(direction, SIZES[size])
    took = {name: [] for name in SERVERS}
    for _ in range(rounds):
        for name in SERVERS:
            took[name].append(took_ms(lines[name], request))
    cells = []
    for name in SERVERS:
        first, *_, last = (statistics.median(calls) for calls in zip(*took[name]))
        cells.append(f"{first:.0f} / {last:.0f} |")
    print(f"| {direction} | {size} | {round_trip} ms |", *cells, flush=True)


def row_of_our_client(size, round_trip, lines, rounds):
    """A single call per connection by our own client, which sets its own receive window."""
    took = {name: [] for name in SERVERS}
    for _ in range(rounds):
        for name in SERVERS:
            asked = ("--delay", "0s", "--response-bytes", str(SIZES[size]))
            said = ours("call", "--url", f"http://{lines[name]}", *asked)
            took[name].append(said["service_time_ns"] / 1e6)
    cells = [f"{statistics.median(took[name]):.0f} / - |" for name in SERVERS]
    print(f"| down, to longsync's client | {size} | {round_trip} ms |", *cells, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        measure(int(sys.argv[1]))
