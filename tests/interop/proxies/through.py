"""The cases of every proxy: calls of all kinds by grpcio and by our own client, and large HTTP/1.1 requests.
PROXY names the module of the proxy."""

import http.client
import importlib
import os
import statistics
import threading
import time

import grpc
import kinds
from grpcio_lib import PATIENCE, Client, check_timing, failure, server_of_its_own
from large_bodies import each_post_gets_its_200, each_put_gets_its_405
from lib import Counters, Skipped, free_port, ours, run_case, until

ADDR = os.environ["ADDR"]
PROXY = importlib.import_module(os.environ["PROXY"]).PROXY
MEBIBYTE = bytes(1 << 20)
# The time limit for the server to notice what a client did.
SEEN_SECONDS = 0.1


class Proxied(Client):
    """A client of the shared server, through a proxy of its own."""

    def __init__(self, edits=None):
        self.proxy = PROXY(ADDR, edits=edits)

    def __enter__(self):
        self.proxy.__enter__()
        # Calls of other cases on the shared channels of the process do not matter here.
        super().__init__(self.proxy.grpc, ADDR, [("grpc.use_local_subchannel_pool", 1)])
        return self

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.proxy.__exit__()


def needs(edits, what):
    if edits is None:
        raise Skipped(f"{PROXY.__name__} {what}")
    return edits


def case_unary():
    with Proxied() as client:
        kinds.unary(client)


def case_stream():
    with Proxied() as client:
        call = client.call("LongSyncStream")(client.request("LongSyncStream", 300, count=3), timeout=PATIENCE)
        start, came = time.monotonic(), []
        for index, answer in enumerate(call):
            came.append(time.monotonic() - start)
            assert answer.index == index, answer
            check_timing(answer.timing, 300)
        assert len(came) == 3, came
        # If the answers were held back, the first would arrive with the last.
        assert came[2] - came[0] > 0.4, f"the answers arrived after {came} s"


def case_collect():
    with Proxied() as client:
        kinds.collect(client)


def case_exchange():
    with Proxied() as client:
        kinds.exchange(client)


def case_exchange_answers_before_the_client_ends():
    with Proxied() as client:
        kinds.exchange_answers_before_the_client_ends(client)


def case_deadline():
    with Proxied() as client:
        kinds.deadline(client)


def cancel(rpc, begin):
    """Of several calls that are cancelled while they wait, the server notices at least half in time: this
    machine may be busy with other work."""
    times = 5
    with Proxied() as client, client.counters.expect(rpc, cancelled=times):
        seen = []
        for count in range(times):
            call = begin(client)
            client.counters.until_in_flight(1)
            start = time.monotonic()
            assert call.cancel()
            client.counters.until_in_flight(0)
            seen.append(time.monotonic() - start)
        assert statistics.median(seen) < SEEN_SECONDS, f"the server noticed the cancellations after {seen} s"


def case_cancel():
    cancel("LongSync", lambda client: client.unary_future(20_000, timeout=None))


def case_cancel_stream():
    cancel("LongSyncStream", lambda client: client.call("LongSyncStream")(client.request("LongSyncStream", 20_000)))


def requests_without_end(client, rpc):
    yield client.request(rpc, 20_000)
    threading.Event().wait(PATIENCE)


def case_cancel_collect():
    rpc = "LongSyncCollect"
    cancel(rpc, lambda client: client.call(rpc).future(requests_without_end(client, rpc)))


def case_cancel_exchange():
    rpc = "LongSyncExchange"
    cancel(rpc, lambda client: client.call(rpc)(requests_without_end(client, rpc)))


def case_echo_1_mib():
    with Proxied() as client:
        # The framing of the payload makes the message larger than one mebibyte.
        answer = client.unary(delay_ms=0, payload=MEBIBYTE, echo_payload=True)
        assert answer.payload == MEBIBYTE, f"{len(answer.payload)} bytes"


def case_three_streams():
    with Proxied(needs(PROXY.THREE_STREAMS, "limits no streams")) as client:
        client.unary(delay_ms=0)
        start = time.monotonic()
        for future in [client.unary_future(200) for _ in range(9)]:
            check_timing(future.result().timing, 200)
        took = time.monotonic() - start
        assert took >= 0.6, f"9 calls of 200 ms, 3 at a time, took {took:.3f} s"
        race = ours_races(client.proxy.grpc, "--calls", "9", "--delay", "200ms", "--ways", "tasks,exchange")
        for way in race["ways"]:
            assert way["answered"] == 9, way


def case_closes_after_20_requests():
    with Proxied(needs(PROXY.CLOSES_AFTER_20, "closes no connection after a number of requests")) as client:
        # A call is made again on another connection at most once, so two connections have to take all of
        # them.
        for future in [client.unary_future(50) for _ in range(30)]:
            check_timing(future.result().timing, 50)
        for _ in range(50):
            client.unary(delay_ms=0)
        for ways, calls in (("sequential", 50), ("tasks", 30)):
            race = ours_races(client.proxy.grpc, "--calls", str(calls), "--delay", "20ms", "--ways", ways)
            [way] = race["ways"]
            assert way["answered"] == calls, {key: way[key] for key in ("answered", "failed", "notes")}


def ours_races(address, *arguments):
    return ours("race", "--url", f"http://{address}", *arguments)


def case_our_call():
    with Proxied() as client:
        for kind, answers, planned in (("unary", 1, 50), ("stream", 3, 50), ("collect", 1, 150), ("exchange", 3, 50)):
            count = [] if kind == "unary" else ["--count", "3"]
            said = ours("call", "--url", f"http://{client.proxy.grpc}", "--kind", kind, "--delay", "50ms", *count)
            assert said["status"]["name"] == "OK", said
            assert [answer["timing"]["planned_ns"] for answer in said["answers"]] == [
                planned * 1_000_000
            ] * answers, said


def case_our_race():
    with Proxied() as client:
        race = ours_races(client.proxy.grpc, "--calls", "20", "--delay", "50ms")
        assert [way["answered"] for way in race["ways"]] == [20] * 4, race


def case_our_race_over_http1():
    with Proxied() as client:
        race = ours_races(client.proxy.http, "--calls", "20", "--delay", "50ms", "--http")
        assert [way["answered"] for way in race["ways"]] == [20] * 3, race


def page(server, edits, http_status):
    """A proxy's own answer to a call is UNAVAILABLE, both to our client, which names its HTTP status, and to
    grpcio."""
    unavailable = grpc.StatusCode.UNAVAILABLE
    code = unavailable.value[0]
    with PROXY(server, edits=PROXY.ANSWERS_WITH_PAGES | edits) as proxy:
        said = ours("call", "--url", f"http://{proxy.grpc}", "--delay", "5s", exit_code=64 + code)
        status = said["status"]
        assert status["code"] == code, said
        # If there is no page, the proxy answers in gRPC.
        assert http_status is None or str(http_status) in status["message"], said
        with grpc.insecure_channel(proxy.grpc) as channel:
            error = failure(lambda: channel.unary_unary("/longsync.v1.LongSyncService/LongSync")(b"", timeout=PATIENCE))
            assert error.code() == unavailable, error


def case_page_without_a_server():
    page(f"127.0.0.1:{free_port()}", {}, PROXY.WITHOUT_SERVER)


def case_page_when_it_gives_up():
    page(ADDR, PROXY.GIVES_UP_AFTER_1_S, PROXY.WHEN_IT_GIVES_UP)


def case_abandoned_over_http1():
    with PROXY(ADDR) as proxy:
        counters, seen = Counters(ADDR), []
        with counters.expect("GET /long_sync", cancelled=5):
            for _ in range(5):
                connection = http.client.HTTPConnection(proxy.http, timeout=PATIENCE)
                connection.request("GET", "/long_sync?delay=20s")
                counters.until_in_flight(1)
                start = time.monotonic()
                connection.close()
                counters.until_in_flight(0)
                seen.append(time.monotonic() - start)
        assert statistics.median(seen) < SEEN_SECONDS, f"the server noticed that the clients were gone after {seen} s"


def case_3_mb_put_gets_its_405():
    with PROXY(ADDR) as proxy:
        each_put_gets_its_405(proxy.http)


def case_3_mb_post_gets_its_200():
    with PROXY(ADDR) as proxy:
        each_post_gets_its_200(proxy.http)


def case_drain():
    """A call that is waiting when its server is told to end is answered through the proxy."""
    with server_of_its_own("--drain", "10s") as (process, server), PROXY(server) as proxy:
        with Client(proxy.grpc, server) as client:
            waiting = client.unary_future(2_000)
            client.counters.until_in_flight(1)
            process.terminate()
            check_timing(waiting.result().timing, 2_000)
        until("the server's exit code", process.poll, 0)


if __name__ == "__main__":
    run_case(globals())
