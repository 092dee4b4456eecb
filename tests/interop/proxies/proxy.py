"""Proxies in front of servers, started from the configurations that docs/proxies.md shows.

These name the ports 9000 (the server), 8080, 8081 and 9901; each is replaced by a free one, and a line that
names a server is repeated for each server."""

import contextlib
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from lib import free_port, until

HERE = Path(__file__).parent
# The time limit for a proxy to listen.
START_SECONDS = 20
# The time limit for it to end.
STOP_SECONDS = 5


class Proxy:
    """A proxy that runs as long as the `with` block. `grpc` and `http` are the addresses at which it serves,
    `state` the address at which it reports its own state.

    `edits` maps parts of the configuration to their replacements."""

    CONFIGURATION = None
    # The ports at which it serves gRPC, HTTP/1.1 and its own state, according to its configuration.
    PORTS = {"grpc": 8080, "http": 8080, "state": 9901}

    # The edits that keep it from answering with a page when no server answers a call.
    ANSWERS_WITH_PAGES = {}

    def __init__(self, *servers, edits=None):
        self.servers = servers
        self.edits = edits or {}

    def command(self, configuration):
        raise NotImplementedError

    def __enter__(self):
        with contextlib.ExitStack() as until_here:
            self.directory = until_here.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            # A port that was free just before may have been taken since.
            for _ in range(3):
                self.start()
                until_here.callback(self.stop)
                if self.listens():
                    self.ends = until_here.pop_all()
                    return self
            raise AssertionError(f"{type(self).__name__} does not start: {self.said()}")

    def __exit__(self, *_):
        self.ends.close()

    def start(self):
        ports = {written: free_port() for written in set(self.PORTS.values())}
        addresses = {name: f"127.0.0.1:{ports[written]}" for name, written in self.PORTS.items()}
        self.grpc, self.http, self.state = addresses["grpc"], addresses["http"], addresses.get("state")
        configuration = Path(self.directory, self.CONFIGURATION)
        configuration.write_text(self.configured((HERE / self.CONFIGURATION).read_text(), ports))
        self.output = open(Path(self.directory, "output"), "w+")
        self.process = subprocess.Popen(
            self.command(str(configuration)), cwd=self.directory, stdout=self.output, stderr=self.output
        )

    def configured(self, text, ports):
        for written, instead in self.edits.items():
            assert written in text, f"{self.CONFIGURATION} does not contain `{written}`"
            text = text.replace(written, instead)
        lines = []
        for line in text.splitlines():
            line = re.sub(r"\b(8080|8081|9901)\b", lambda port: str(ports[int(port[0])]), line)
            servers = self.servers if re.search(r"\b9000\b", line) else ("",)
            lines += [re.sub(r"\b9000\b", server.rpartition(":")[2], line) for server in servers]
        return "\n".join(lines) + "\n"

    def listens(self):
        end = time.monotonic() + START_SECONDS
        wanted = {self.grpc, self.http, self.state} - {None}
        while self.process.poll() is None and time.monotonic() < end:
            if all(map(accepts, wanted)):
                return True
            time.sleep(0.02)
        return False

    def until_well(self, server):
        """Waits until calls can go to the server."""
        until(f"{server} is healthy", lambda: self.well(server), True)

    def well(self, server):
        """Whether calls can go to the server, as far as the proxy knows."""
        return accepts(server)

    def said(self):
        self.output.seek(0)
        return self.output.read()[-500:]

    def stop(self):
        # If it were killed at once, it could not end the processes that it started itself.
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def accepts(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    except OSError:
        return False
