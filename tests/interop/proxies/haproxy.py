"""haproxy as a proxy under test: it checks its servers' health."""

import csv
import os
import urllib.request

from proxy import Proxy


class Haproxy(Proxy):
    CONFIGURATION = "haproxy.cfg"
    # It closes no connection after a number of requests.
    CLOSES_AFTER_20 = None
    THREE_STREAMS = {"tune.h2.max-concurrent-streams 100": "tune.h2.max-concurrent-streams 3"}
    GIVES_UP_AFTER_1_S = {"timeout server 1h": "timeout server 1s"}
    WITHOUT_SERVER, WHEN_IT_GIVES_UP = 503, 504

    def command(self, configuration):
        return [os.environ["HAPROXY_PROGRAM"], "-db", "-f", configuration]

    def well(self, server):
        """Whether its health checks let calls go to the server."""
        with urllib.request.urlopen(f"http://{self.state}/;csv", timeout=5) as answer:
            rows = csv.DictReader(answer.read().decode().removeprefix("# ").splitlines())
        wanted = "grpc", f"longsync-{server.rpartition(':')[2]}"
        [row] = [row for row in rows if (row["pxname"], row["svname"]) == wanted]
        return row["status"].startswith("UP")


PROXY = Haproxy
