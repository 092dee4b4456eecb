"""Calls of each kind by grpcio, and their expected results, with or without a proxy between client and
server."""

import threading
import time

import grpc
from grpcio_lib import PATIENCE, check_timing, failure


def unary(client):
    answer = client.unary(delay_ms=50, payload=b"longsync", echo_payload=True)
    assert (answer.message, answer.payload) == ("Done!", b"longsync"), answer
    check_timing(answer.timing, 50)
    left = answer.timing.deadline_left.ToMilliseconds()
    assert 0 < left <= PATIENCE * 1_100, f"deadline_left is {left} ms"


def collect(client):
    requests = [client.request("LongSyncCollect", delay, payload=b"..") for delay in (30, 40, 50)]
    answer = client.call("LongSyncCollect")(iter(requests), timeout=PATIENCE)
    assert (answer.count, answer.payload_bytes) == (3, 6), answer
    check_timing(answer.timing, 120)


def exchange(client):
    delays = {1: 900, 2: 500, 3: 100}
    requests = [client.request("LongSyncExchange", delay, id=id) for id, delay in delays.items()]
    answers = list(client.call("LongSyncExchange")(iter(requests), timeout=PATIENCE))
    assert [answer.id for answer in answers] == [3, 2, 1], answers
    for answer in answers:
        check_timing(answer.timing, delays[answer.id])


def exchange_answers_before_the_client_ends(client):
    got_answer = threading.Event()

    def requests():
        yield client.request("LongSyncExchange", 50, id=1)
        assert got_answer.wait(PATIENCE)
        yield client.request("LongSyncExchange", 50, id=2)

    answers = client.call("LongSyncExchange")(requests(), timeout=PATIENCE)
    assert next(answers).id == 1
    got_answer.set()
    assert [answer.id for answer in answers] == [2]


def deadline(client):
    with client.counters.expect("LongSync", deadline_exceeded=2):
        for timeout in (0.3, 1.0):
            start = time.monotonic()
            error = failure(lambda: client.unary(delay_ms=20_000, timeout=timeout))
            took = time.monotonic() - start
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
            assert timeout * 0.9 < took < timeout + 1, f"a deadline of {timeout} s took {took:.3f} s"
