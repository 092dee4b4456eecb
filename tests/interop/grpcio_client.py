"""The cases of Python's grpcio (gRPC's C core), without generated code: the messages of longsync are built
from the answers of the server's reflection."""

import os
import signal
import threading
import time

import grpc
import kinds
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpcio_lib import PATIENCE, SERVICE, Client, check_timing, failure, server_of_its_own
from lib import run_case


def shared():
    return Client(os.environ["ADDR"])


def case_unary():
    with shared() as client:
        kinds.unary(client)


def case_stream():
    with shared() as client:
        call = client.call("LongSyncStream")
        answers = list(call(client.request("LongSyncStream", 20, count=3), timeout=PATIENCE))
        assert [answer.index for answer in answers] == [0, 1, 2], answers
        for answer in answers:
            check_timing(answer.timing, 20)
        # A count of zero is not the same as no count.
        assert not list(call(client.request("LongSyncStream", 20, count=0), timeout=PATIENCE))
        assert len(list(call(client.request("LongSyncStream", 20), timeout=PATIENCE))) == 1


def case_collect():
    with shared() as client:
        kinds.collect(client)


def case_exchange():
    with shared() as client:
        kinds.exchange(client)


def case_exchange_answers_before_the_client_ends():
    with shared() as client:
        kinds.exchange_answers_before_the_client_ends(client)


def case_deadline():
    with shared() as client:
        kinds.deadline(client)


def case_cancel():
    with shared() as client, client.counters.expect("LongSync", cancelled=1):
        future = client.unary_future(20_000, timeout=None)
        client.counters.until_in_flight(1)
        assert future.cancel()
        assert future.code() == grpc.StatusCode.CANCELLED, future.code()


# The cases up to `large_unary` are those of gRPC's own catalog, doc/interop-test-descriptions.md,
# with our messages.


def case_cancel_after_begin():
    with shared() as client, client.counters.expect("LongSyncCollect", cancelled=1):
        no_request_before = threading.Event()

        def requests():
            no_request_before.wait(PATIENCE)
            yield from ()

        future = client.call("LongSyncCollect").future(requests())
        assert future.cancel()
        assert future.code() == grpc.StatusCode.CANCELLED, future.code()
        no_request_before.set()


def case_cancel_after_first_response():
    with shared() as client, client.counters.expect("LongSyncExchange", cancelled=1):
        requests = [client.request("LongSyncExchange", delay, payload=bytes(27182)) for delay in (0, 20_000)]
        call = client.call("LongSyncExchange")(iter(requests))
        assert next(call).message == "Done!"
        assert call.cancel()
        assert call.code() == grpc.StatusCode.CANCELLED, call.code()


def case_timeout_on_sleeping_server():
    with shared() as client:
        client.unary(delay_ms=0)
        request = client.request("LongSyncExchange", 20_000, payload=bytes(27182))
        error = failure(lambda: next(client.call("LongSyncExchange")(iter([request]), timeout=0.001)))
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        # A deadline this short may pass before the call has left the client.
        client.counters.until_in_flight(0)


def case_empty_stream():
    with shared() as client, client.counters.expect("LongSyncExchange", answered=1):
        assert not list(client.call("LongSyncExchange")(iter([]), timeout=PATIENCE))


def case_large_unary():
    with shared() as client:
        answer = client.unary(delay_ms=0, payload=bytes(271828), response_bytes=314159)
        assert answer.payload == bytes(314159), f"{len(answer.payload)} bytes"


def case_50_calls_at_once():
    with shared() as client:
        client.unary(delay_ms=0)
        delay = 0.4
        start = time.monotonic()
        futures = [client.unary_future(int(delay * 1_000)) for _ in range(50)]
        for future in futures:
            check_timing(future.result().timing, 400)
        took = time.monotonic() - start
        assert delay <= took < 5 * delay, f"50 calls of {delay} s on one channel took {took:.3f} s"


def case_rich_status():
    with shared() as client:
        error = failure(lambda: client.unary(delay_ms=-1_000))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        message = error.details()
        status = status_pb2.Status.FromString(details)
        assert (status.code, status.message) == (3, message), status
        bad_request, timing = error_details_pb2.BadRequest(), client.message("longsync.v1.Timing")()
        assert [detail.Unpack(into) for detail, into in zip(status.details, (bad_request, timing))] == [True, True]
        assert [violation.field for violation in bad_request.field_violations] == ["delay"], bad_request
        assert timing.attempt == 1 and timing.HasField("received_at"), timing


def case_behavior_header():
    with shared() as client:
        answer = client.call("LongSync")(
            client.request("LongSync"), timeout=PATIENCE, metadata=[("x-longsync-behavior", "20ms")]
        )
        check_timing(answer.timing, 20)


def case_health():
    with shared() as client:
        health = health_pb2_grpc.HealthStub(client.channel)
        for service in ("", SERVICE):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, (service, answer)
        nobody = health_pb2.HealthCheckRequest(service="nobody")
        error = failure(lambda: health.Check(nobody, timeout=PATIENCE))
        assert error.code() == grpc.StatusCode.NOT_FOUND, error


def case_watch_of_an_unknown_service():
    with shared() as client:
        watch = health_pb2_grpc.HealthStub(client.channel).Watch(
            health_pb2.HealthCheckRequest(service="nobody"), timeout=PATIENCE
        )
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        assert watch.is_active(), watch.code()
        watch.cancel()


def case_drain():
    with server_of_its_own("--drain", "5s") as (process, addr), Client(addr) as client:
        # A connection of its own: what one connection is told must not depend on the calls of another.
        with grpc.insecure_channel(addr, [("grpc.use_local_subchannel_pool", 1)]) as watching:
            health = health_pb2_grpc.HealthStub(watching)
            watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=PATIENCE)
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
            waiting = client.unary_future(2_000)
            client.counters.until_in_flight(1)
            process.send_signal(signal.SIGTERM)
            assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert not waiting.done(), "the call ended before health reported NOT_SERVING"
            answer = waiting.result()
            assert waiting.code() == grpc.StatusCode.OK, waiting.code()
            check_timing(answer.timing, 2_000)
        assert process.wait(PATIENCE) == 0, f"the server ended with {process.returncode}"


def case_end_of_drain():
    with server_of_its_own("--drain", "300ms") as (process, addr), Client(addr) as client:
        waiting = client.unary_future(20_000)
        client.counters.until_in_flight(1)
        process.send_signal(signal.SIGTERM)
        assert waiting.code() == grpc.StatusCode.UNAVAILABLE, waiting.code()
        assert "shutting down" in waiting.details(), waiting.details()
        assert process.wait(PATIENCE) == 0, f"the server ended with {process.returncode}"


run_case(globals())
