"""The cases of proxies that have two servers, which stop and start again while calls continue. PROXY names
the module of the proxy."""

import contextlib
import importlib
import json
import os
import threading

import grpc
from grpcio_lib import Client, server_of_its_own
from lib import run_case, until

PROXY = importlib.import_module(os.environ["PROXY"]).PROXY
CALLS, CALLERS = 300, 10
RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
RETRYING = [
    ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": RETRY}]})),
    ("grpc.use_local_subchannel_pool", 1),
]


class Calls:
    """Calls of 50 ms by a client that retries if the server was not there: at least CALLS of them, until
    `finish` is called."""

    def __init__(self, client):
        self.client = client
        self.made, self.lost = 0, []
        self.lock, self.enough = threading.Lock(), threading.Event()
        self.callers = [threading.Thread(target=self.make) for _ in range(CALLERS)]

    def make(self):
        while self.made < CALLS or not self.enough.is_set():
            try:
                self.client.unary(delay_ms=50)
            except grpc.RpcError as error:
                self.lost.append(f"{error.code()} {error.details()}")
            with self.lock:
                self.made += 1

    def __enter__(self):
        for caller in self.callers:
            caller.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        for caller in self.callers:
            caller.join()


@contextlib.contextmanager
def two_servers(*flags):
    """A proxy in front of two servers: yields it, and the process and the address of each server."""
    with server_of_its_own(*flags) as one, server_of_its_own(*flags) as other:
        with PROXY(one[1], other[1]) as proxy:
            yield proxy, [one, other]


def ends(process):
    until("the server's exit code", process.poll, 0)


def rolling_restart(*flags):
    """Each server in turn is told to end, and started again at its address."""
    with contextlib.ExitStack() as started, two_servers(*flags) as (proxy, servers):
        with Client(proxy.grpc, servers[0][1], RETRYING) as client, Calls(client) as calls:
            for process, address in servers:
                made = calls.made
                until("calls in the meantime", lambda: calls.made > made + 30, True)
                process.terminate()
                ends(process)
                made = calls.made
                until("calls without it", lambda: calls.made > made + 30, True)
                started.enter_context(server_of_its_own(*flags, listen=address))
                proxy.until_well(address)
    assert not calls.lost, f"{len(calls.lost)} of {calls.made} calls were lost: {set(calls.lost)}"


def case_rolling_restart():
    rolling_restart("--drain", "5s")


def case_rolling_restart_with_a_lame_duck():
    rolling_restart("--drain", "5s", "--lame-duck", "1s")


if __name__ == "__main__":
    run_case(globals())
