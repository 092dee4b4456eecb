"""Envoy's fault filter beside our own reading of its headers, and Envoy's retries in front of our faults."""

import contextlib
import http.client
import os
import statistics
import time

import grpc
from grpcio_lib import PATIENCE, SERVICE, server_of_its_own
from lib import Counters, run_case
from proxy import Proxy

DELAY, DELAY_SHARE = "x-envoy-fault-delay-request", "x-envoy-fault-delay-request-percentage"
ABORT, ABORT_CODE = "x-envoy-fault-abort-request", "x-envoy-fault-abort-grpc-request"
ABORT_SHARE = "x-envoy-fault-abort-request-percentage"
THROUGHPUT = "x-envoy-fault-throughput-response"
# How much later than asked the median of this many requests may be answered.
LATE_MS, TURNS = 20, 20
# Envoy reads the clock of the kernel's ticks, of which there are at least 100 in a second.
TICK_MS = 10
# Envoy's share of a second for one portion of a limited body.
PORTION_MS = 50
# The binomial 99.9 % interval of 2,000 requests of which 30 % are hit (SciPy 1.17.1, binom.interval).
REQUESTS, HIT = 2_000, range(533, 669)


class FaultFilter(Proxy):
    CONFIGURATION = "envoy_faults.yaml"

    def command(self, configuration):
        alone = ("--concurrency", "1", "--disable-hot-restart")
        return [os.environ["ENVOY_PROGRAM"], "-c", configuration, *alone, "--log-level", "error"]


PROXY = FaultFilter


@contextlib.contextmanager
def both(*flags):
    """The addresses of Envoy, in front of a server that ignores its headers, and of a server that acts on them."""
    with (
        server_of_its_own("--delay", "0s", "--foreign-headers", "off", *flags) as (_, behind),
        server_of_its_own("--delay", "0s", *flags) as (_, ours),
        FaultFilter(behind) as envoy,
    ):
        yield envoy.http, ours


class Requests:
    """Requests on one connection."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=PATIENCE)

    def get(self, headers, path="/long_sync"):
        """The status, and how many seconds the answer took."""
        start = time.monotonic()
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - start


def in_turn(addresses, turns, headers, path="/long_sync"):
    """What Envoy and we answer the same request, of which each makes this many in turn: for each of the two the
    statuses and the times in ms."""
    both = [Requests(each) for each in addresses]
    answers = [[requests.get(headers, path) for requests in both] for _ in range(turns)]
    for each in zip(*answers, strict=True):
        statuses, took = zip(*each, strict=True)
        yield set(statuses), [seconds * 1e3 for seconds in took]


def case_same_status_and_delay():
    with both() as addresses:
        for headers, least in (
            ({}, 0),
            ({DELAY: "100"}, 100),
            ({DELAY: "0"}, 0),
            ({DELAY: "100", DELAY_SHARE: "0"}, 0),
            ({ABORT: "503"}, 0),
            ({ABORT: "418"}, 0),
            ({ABORT: "200"}, 0),
            ({DELAY: "100", ABORT: "404"}, 100),
            ({ABORT: "503", ABORT_SHARE: "0"}, 0),
            ({ABORT: "503", ABORT_CODE: "8"}, 0),
        ):
            (theirs, they_took), (ours, we_took) = in_turn(addresses, TURNS, headers)
            assert theirs == ours, f"{headers}: Envoy answers {theirs}, we {ours}"
            assert min(they_took) > least - TICK_MS and min(we_took) >= least, f"{headers}: {they_took}, {we_took}"
            they, we = statistics.median(they_took), statistics.median(we_took)
            figures = f"{headers}: Envoy takes {they:.3f} ms, we {we:.3f} ms"
            assert max(they, we) < least + LATE_MS and abs(they - we) < LATE_MS, figures


def case_same_grpc_codes():
    with both() as addresses:
        for headers in (
            *({ABORT: status} for status in ("400", "401", "403", "404", "418", "429", "500", "502", "503", "504")),
            *({ABORT_CODE: str(code)} for code in range(1, 17)),
            {ABORT: "503", ABORT_CODE: "8"},
        ):
            theirs, ours = (code_of(address, headers) for address in addresses)
            assert theirs is ours, f"{headers}: Envoy ends it {theirs}, we {ours}"


def code_of(address, headers):
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(f"/{SERVICE}/LongSync")(b"", metadata=tuple(headers.items()), timeout=PATIENCE)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def case_same_throughput():
    """A second's worth of bytes, as a whole: Envoy sends them in 20 portions, the first of which comes early."""
    with both() as addresses:
        for rate in (8, 64):
            path = f"/long_sync?bytes={rate * 1024}"
            (theirs, they_took), (ours, we_took) = in_turn(addresses, 3, {THROUGHPUT: str(rate)}, path)
            assert theirs == ours == {200}, f"Envoy answers {theirs}, we {ours}"
            assert min(they_took) > 1000 - PORTION_MS - TICK_MS and min(we_took) >= 1000, f"{they_took}, {we_took}"
            they, we = statistics.median(they_took), statistics.median(we_took)
            assert max(they, we) < 1000 + LATE_MS, f"{rate} KiB/s: Envoy takes {they:.3f} ms, we {we:.3f} ms"


def case_shares_in_the_same_interval():
    with both() as addresses:
        for address in addresses:
            requests, headers = Requests(address), {ABORT: "503", ABORT_SHARE: "30"}
            hit = sum(requests.get(headers)[0] == 503 for _ in range(REQUESTS))
            assert hit in HIT, f"{hit} of {REQUESTS} were hit, which is not within {HIT}"


def case_retries_get_past_fail_first():
    """Envoy says which attempt of a request the server sees, so the requests need no names."""
    retries = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}
    with server_of_its_own("--behavior", "0s; fail_first(2, 503)") as (_, server), FaultFilter(server) as envoy:
        counters = Counters(server)
        with counters.expect("GET /long_sync", answered=20, failed=40):
            requests = Requests(envoy.http)
            for number in range(20):
                named = {"x-longsync-call-id": f"order-{number}"} if number % 2 else {}
                status, _ = requests.get({**retries, **named})
                assert status == 200, f"request {number} ended with {status}"


if __name__ == "__main__":
    run_case(globals())
