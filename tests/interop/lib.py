"""Shared by the cases of the Python clients. `run` starts each case in a process of its own, with the
server's address in ADDR; a case fails with its reason on stderr."""

import asyncio
import contextlib
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import time
import traceback
import urllib.request


class Skipped(Exception):
    """The reason why a case cannot be run here."""


def until(what, value, expected):
    """Waits until `value()` is `expected`."""
    end = time.monotonic() + 10
    while (found := value()) != expected:
        assert time.monotonic() < end, f"expected {what} to become {expected}, found {found} after 10 s"
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ours(*arguments, exit_code=0):
    """The JSON output of our own client."""
    command = [os.environ["CLIENT"], *arguments, "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=15, check=False)
    assert ended.returncode == exit_code, f"exit code {ended.returncode}: {ended.stdout} {ended.stderr}"
    return json.loads(ended.stdout)


class Counters:
    """The counters of a server, read from its `/metrics`."""

    def __init__(self, addr):
        self.addr = addr

    def text(self, **headers):
        # No proxy: the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://{self.addr}/metrics", headers=headers)
        with opener.open(request, timeout=10) as answer:
            return answer.read().decode()

    def value(self, name):
        return int(re.search(rf"^{name} (\d+)$", self.text(), re.MULTILINE)[1])

    def in_flight(self):
        return self.value("longsync_calls_in_flight")

    def until_in_flight(self, expected):
        until("calls in flight", self.in_flight, expected)

    def ended(self, rpc):
        """How many calls of an RPC ended with each outcome."""
        counter = rf'^longsync_calls_ended_total{{rpc="{re.escape(rpc)}",outcome="(\w+)"}} (\d+)$'
        return {outcome: int(count) for outcome, count in re.findall(counter, self.text(), re.MULTILINE)}

    @contextlib.contextmanager
    def expect(self, rpc, **expected):
        """Checks that the block ends this many calls of an RPC with each outcome, no others, and leaves none
        in flight."""
        self.until_in_flight(0)
        before = self.ended(rpc)

        def since():
            grown = {outcome: count - before[outcome] for outcome, count in self.ended(rpc).items()}
            return {outcome: count for outcome, count in grown.items() if count}

        yield
        until(f"what the server counted of {rpc}", since, expected)
        self.until_in_flight(0)
        assert since() == expected, f"the server counted {since()} of {rpc} instead of {expected}"


def run_case(cases):
    """Runs the case that the command line names. Its failure is one sentence instead of a stack trace."""
    try:
        ended = cases["case_" + sys.argv[1]]()
        if inspect.isawaitable(ended):
            asyncio.run(ended)
    except Skipped as why:
        print(why, file=sys.stderr)
        sys.exit(77)
    except Exception as error:  # Any exception is the reason why the case failed.
        last = traceback.extract_tb(error.__traceback__)[-1]
        sys.exit(f"{type(error).__name__}: {error} (line {last.lineno}: {last.line})")
