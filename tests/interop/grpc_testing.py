"""The cases of gRPC's interop clients (interop-test-descriptions.md) against the server's
`grpc.testing.TestService`. GRPC_TESTING has the client's command, an argument per line."""

import os
import subprocess

from grpcio_lib import server_of_its_own
from lib import run_case

SECONDS = 25


def own(case):
    with server_of_its_own("--interop") as (_, address):
        host, _, port = address.rpartition(":")
        command = os.environ["GRPC_TESTING"].splitlines()
        flags = [f"--server_host={host}", f"--server_port={port}", "--use_tls=false", f"--test_case={case}"]
        ended = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert ended.returncode == 0, f"exit code {ended.returncode}: {ended.stdout[-300:]}{ended.stderr[-300:]}"


def case_empty_unary():
    own("empty_unary")


def case_large_unary():
    own("large_unary")


def case_client_streaming():
    own("client_streaming")


def case_server_streaming():
    own("server_streaming")


def case_ping_pong():
    own("ping_pong")


def case_empty_stream():
    own("empty_stream")


def case_custom_metadata():
    own("custom_metadata")


def case_status_code_and_message():
    own("status_code_and_message")


def case_special_status_message():
    own("special_status_message")


def case_unimplemented_method():
    own("unimplemented_method")


def case_unimplemented_service():
    own("unimplemented_service")


def case_cancel_after_begin():
    own("cancel_after_begin")


def case_cancel_after_first_response():
    own("cancel_after_first_response")


def case_timeout_on_sleeping_server():
    own("timeout_on_sleeping_server")


run_case(globals())
