"""Large answers over a round trip of 20 ms. Peers that adapt their windows to the data that arrives change
them again and again; none of them may be taken for a peer that does so to keep the server busy."""

import os
from concurrent.futures import ThreadPoolExecutor

from envoy import Envoy
from grpcio_lib import Client, server_of_its_own
from lib import Counters, run_case
from toxiproxy import delayed

CALLS, AT_ONCE = 200, 10
ANSWER_BYTES = 1_000_000


def stays_connected(server, address):
    """Requests large answers at an address of the server."""
    with Client(address, server) as client, ThreadPoolExecutor(AT_ONCE) as threads:
        answers = threads.map(lambda _: client.unary(0, response_bytes=ANSWER_BYTES), range(CALLS))
        assert [len(answer.payload) for answer in answers] == [ANSWER_BYTES] * CALLS
    closed = Counters(server).value(r'longsync_connections_closed_total\{reason="window_changes"\}')
    assert closed == 0, f"{closed} connections were closed because of their windows"


def case_of_grpcio():
    with server_of_its_own() as (_, server), delayed(server, 10, 10) as far_away:
        stays_connected(server, far_away)


def case_of_envoy():
    with server_of_its_own() as (_, server), delayed(server, 10, 10) as far_away, Envoy(far_away) as proxy:
        stays_connected(server, proxy.grpc)


if __name__ == "__main__":
    run_case(globals())
