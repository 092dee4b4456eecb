"""The cases of toxiproxy, which delays the bytes from the server to the client by 20 ms: exactly this, and
nothing else, is what a client measures as added to the server's wait."""

import contextlib
import json
import os
import statistics
import subprocess
import time
import urllib.request

from grpcio_lib import Client
from lib import free_port, ours, run_case, until
from proxy import accepts

ADDR = os.environ["ADDR"]
PAIRS = 50


def post(url, **content):
    request = urllib.request.Request(url, json.dumps(content).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status in (200, 201), answer.status


@contextlib.contextmanager
def delayed(server, up_ms, down_ms):
    """Yields an address at which the bytes sent to the server, and those that it sends, arrive later by the
    given times."""
    api, listen = (f"127.0.0.1:{free_port()}" for _ in range(2))
    command = [os.environ["TOXIPROXY"], "-host", "127.0.0.1", "-port", api.rpartition(":")[2]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until("toxiproxy listens", lambda: accepts(api), True)
            post(f"http://{api}/proxies", name="longsync", listen=listen, upstream=server)
            for stream, latency in (("upstream", up_ms), ("downstream", down_ms)):
                toxic = {"type": "latency", "stream": stream, "attributes": {"latency": latency}}
                post(f"http://{api}/proxies/longsync/toxics", **toxic)
            yield listen
        finally:
            process.kill()


def moves_by_20_ms(added):
    """Measures what is added at each address in turn, so that any other load affects both."""
    with delayed(ADDR, 0, 20) as far_away:
        pairs = [(added(ADDR), added(far_away)) for _ in range(PAIRS)]
    near, far = (statistics.median(side) for side in zip(*pairs))
    assert 18.5 <= far - near <= 21.5, f"added went from {near:.3f} to {far:.3f} ms"


def case_added_to_grpcio():
    clients = {}

    def added(address):
        client = clients.get(address) or clients.setdefault(address, Client(address))
        start = time.perf_counter()
        answer = client.unary(delay_ms=5)
        return (time.perf_counter() - start) * 1e3 - answer.timing.waited.ToNanoseconds() / 1e6

    moves_by_20_ms(added)


def case_added_to_our_call():
    def added(address):
        said = ours("call", "--url", f"http://{address}", "--delay", "5ms")
        return said["answers"][0]["added_ns"] / 1e6

    moves_by_20_ms(added)


if __name__ == "__main__":
    run_case(globals())
