"""Envoy's fault filter beside our own reading of its headers, and Envoy's retries in front of our faults."""

import contextlib
import http.client
import os
import time

import grpc
from grpcio_lib import PATIENCE, SERVICE, server_of_its_own
from lib import Counters, run_case
from proxy import Proxy

DELAY, DELAY_SHARE = "x-envoy-fault-delay-request", "x-envoy-fault-delay-request-percentage"
ABORT, ABORT_CODE = "x-envoy-fault-abort-request", "x-envoy-fault-abort-grpc-request"
ABORT_SHARE = "x-envoy-fault-abort-request-percentage"
THROUGHPUT = "x-envoy-fault-throughput-response"
# A machine under load may answer this much later.
LATE_S = 0.5
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


def case_same_status_and_delay():
    with both() as addresses:
        for headers, least in (
            ({}, 0),
            ({DELAY: "150"}, 0.15),
            ({DELAY: "0"}, 0),
            ({DELAY: "150", DELAY_SHARE: "0"}, 0),
            ({ABORT: "503"}, 0),
            ({ABORT: "418"}, 0),
            ({ABORT: "200"}, 0),
            ({DELAY: "150", ABORT: "404"}, 0.15),
            ({ABORT: "503", ABORT_SHARE: "0"}, 0),
            ({ABORT: "503", ABORT_CODE: "8"}, 0),
        ):
            (theirs, they_took), (ours, we_took) = (Requests(each).get(headers) for each in addresses)
            assert theirs == ours, f"{headers}: Envoy answers {theirs}, we {ours}"
            for took in (they_took, we_took):
                assert least <= took < least + LATE_S, f"{headers} took {took:.3f} s instead of {least} s"


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
    """4 KiB at 8 KiB/s."""
    with both() as addresses:
        for address in addresses:
            status, took = Requests(address).get({THROUGHPUT: "8"}, "/long_sync?bytes=4096")
            assert status == 200 and 0.4 <= took < 0.5 + LATE_S, (status, took)


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
