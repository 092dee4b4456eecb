"""What Python's grpcio reports for each fault, how it retries, and what it reads from RetryInfo."""

import json
import sys
import time
from pathlib import Path

import grpc
import reports
import retries
from google.rpc import error_details_pb2, status_pb2
from grpcio_lib import Client, failure
from lib import run_case

POLICY = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.02s",
                    "maxBackoff": "0.02s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
ITSELF = [sys.executable, str(Path(__file__))]


def report(call):
    rpc, _, address = call.partition("@")
    answers = []
    # Without it, a name is looked up in the environment's proxies.
    with Client(address, options=[("grpc.enable_http_proxy", 0)]) as client:
        try:
            if rpc == "LongSync":
                answers.append(client.unary(timeout=2, call_id="fault"))
            else:
                stream = client.request("LongSyncStream", count=3, call_id="fault")
                for answer in client.call("LongSyncStream")(stream, timeout=2):
                    answers.append(answer)
        except grpc.RpcError as error:
            return {"answers": len(answers), "code": error.code().name, "message": error.details()}
        return {"answers": len(answers), "code": "OK", "message": ""}


def retry(address, count, prefix, ms=None):
    with Client(address, options=[("grpc.service_config", POLICY)]) as client:
        for number in range(int(count)):
            if ms:
                client.unary(0, call_id=f"plain-{number}")
                time.sleep(int(ms) / 1e3)
                client.unary(0, call_id=f"plain-{number}")
            code, attempt = "OK", 0
            try:
                attempt = client.unary(call_id=f"{prefix}-{number}").timing.attempt
            except grpc.RpcError as error:
                code = error.code().name
            yield {"code": code, "attempt": attempt}


def case_faults():
    reports.faults("grpcio", [*ITSELF, "report"])


def case_retries():
    retries.third_attempt_succeeds([*ITSELF, "retry"])


def case_pushback_of_60_ms():
    retries.pushback([*ITSELF, "retry"], 60)


def case_pushback_of_140_ms():
    retries.pushback([*ITSELF, "retry"], 140)


def case_pushback_never():
    retries.never([*ITSELF, "retry"])


def case_retry_info():
    """RetryInfo and the Timing of a failed call are details of its status."""
    fault = 'fail(100%, RESOURCE_EXHAUSTED, "slow down", retry_info=1500ms)'
    with reports.server_with(fault) as address, Client(address) as client:
        error = failure(client.unary)
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        status = status_pb2.Status.FromString(details)
        assert (status.code, status.message) == (8, "slow down"), status
        asked, timing = error_details_pb2.RetryInfo(), client.message("longsync.v1.Timing")()
        assert [detail.Unpack(into) for detail, into in zip(status.details, (asked, timing), strict=True)] == [True, True]
        assert asked.retry_delay.ToMilliseconds() == 1_500, asked
        assert timing.fault == fault.replace("1500ms", "1.5s"), timing
        assert timing.planned.ToMilliseconds() == 10 and timing.waited.ToMilliseconds() >= 10, timing


if __name__ == "__main__":
    if sys.argv[1] == "report":
        for asked in sys.argv[2:]:
            print(json.dumps(report(asked)))
    elif sys.argv[1] == "retry":
        for made in retry(*sys.argv[2:]):
            print(json.dumps(made))
    else:
        run_case(globals())
