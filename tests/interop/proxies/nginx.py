"""What is nginx's own."""

import os

from proxy import Proxy


# Where it keeps large bodies is in a directory of the system unless it is told another.
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
            # Its workers are to write beside the configuration, which only we can.
            globally += " user root;"
        return [os.environ["NGINX_PROGRAM"], "-p", self.directory, "-e", "stderr", "-c", configuration, "-g", globally]


PROXY = Nginx
