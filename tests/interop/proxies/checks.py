"""The case of proxies that check their servers' health. PROXY names the module of the proxy."""

import importlib
import os

from grpcio_lib import Client
from lib import run_case, until
from proxy import accepts
from restarts import two_servers

PROXY = importlib.import_module(os.environ["PROXY"]).PROXY


def case_lame_duck_is_seen_before_connections_are_refused():
    with two_servers("--lame-duck", "3s", "--drain", "5s") as (proxy, [(process, leaving), (_, staying)]):
        for server in (leaving, staying):
            proxy.until_well(server)
        with Client(leaving) as direct, Client(proxy.grpc, leaving) as proxied:
            process.terminate()
            until("the proxy's health state of the server", lambda: proxy.well(leaving), False)
            assert process.poll() is None and accepts(leaving), "it refused connections before the proxy knew"
            # A client that connects all the same is served, on an open connection and on a new one.
            direct.unary(delay_ms=0)
            with Client(leaving) as late:
                late.unary(delay_ms=0)
            before = direct.counters.ended("LongSync")
            # Without retries: no call has to be sent elsewhere.
            for _ in range(20):
                proxied.unary(delay_ms=0)
            assert direct.counters.ended("LongSync") == before, "calls still arrived at the server that is shutting down"
        until("the server's exit code", process.poll, 0)


if __name__ == "__main__":
    run_case(globals())
