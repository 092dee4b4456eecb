"""The cases of nginx alone: it limits the size of request bodies."""

import os

import grpc
from grpcio_lib import Client, failure
from lib import ours, run_case
from proxy import Proxy

# It keeps large bodies in a system directory unless it is given another one.
KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
DIRECTORIES = {"access_log off;": " ".join(["access_log off;", *(f"{kind}_temp_path {kind};" for kind in KINDS)])}


class Nginx(Proxy):
    CONFIGURATION = "nginx.conf"
    PORTS = {"grpc": 8080, "http": 8081}
    CLOSES_AFTER_20 = {"keepalive_requests 1000000": "keepalive_requests 20"}
    THREE_STREAMS = {"http2_max_concurrent_streams 128": "http2_max_concurrent_streams 3"}
    GIVES_UP_AFTER_1_S = {"grpc_read_timeout 1h": "grpc_read_timeout 1s"}
    WITHOUT_SERVER, WHEN_IT_GIVES_UP = 502, 504
    ANSWERS_WITH_PAGES = {"            error_page 502 503 504 = @unavailable;\n": ""}

    def __init__(self, *servers, edits=None):
        super().__init__(*servers, edits=DIRECTORIES | (edits or {}))

    def command(self, configuration):
        globally = "daemon off;"
        if os.geteuid() == 0:
            # Its workers have to write next to the configuration, where only our own user can.
            globally += " user root;"
        return [os.environ["NGINX_PROGRAM"], "-p", self.directory, "-e", "stderr", "-c", configuration, "-g", globally]


PROXY = Nginx


def case_body_over_its_limit():
    with Nginx(os.environ["ADDR"], edits={"client_max_body_size 5m": "client_max_body_size 1k"}) as proxy:
        said = ours("call", "--url", f"http://{proxy.grpc}", "--delay", "0s", "--payload", "x" * 2000, exit_code=64 + 2)
        assert said["status"]["code"] == 2 and "413" in said["status"]["message"], said
        with Client(proxy.grpc, os.environ["ADDR"]) as client:
            error = failure(lambda: client.unary(delay_ms=0, payload=bytes(2000)))
            assert error.code() == grpc.StatusCode.UNKNOWN and "413" in error.details(), error


if __name__ == "__main__":
    run_case(globals())
