"""What the cases of the Python clients share. `run` starts each case in a process of its own, with
the server's address in ADDR; a case fails with its reason on stderr."""

import asyncio
import contextlib
import inspect
import re
import sys
import time
import traceback
import urllib.request


def until(what, value, expected):
    """Waits until `value()` is `expected`."""
    end = time.monotonic() + 10
    while (found := value()) != expected:
        assert time.monotonic() < end, f"expected {what} to become {expected}, found {found} after 10 s"
        time.sleep(0.02)


class Counters:
    """What a server counts, read from its `/metrics`."""

    def __init__(self, addr):
        self.addr = addr

    def text(self, **headers):
        # No proxy: the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://{self.addr}/metrics", headers=headers)
        with opener.open(request, timeout=10) as answer:
            return answer.read().decode()

    def in_flight(self):
        return int(re.search(r"^longsync_calls_in_flight (\d+)$", self.text(), re.MULTILINE)[1])

    def until_in_flight(self, expected):
        until("calls in flight", self.in_flight, expected)

    def ended(self, rpc):
        """How many calls of an RPC ended with each outcome."""
        counter = rf'^longsync_calls_ended_total{{rpc="{re.escape(rpc)}",outcome="(\w+)"}} (\d+)$'
        return {outcome: int(count) for outcome, count in re.findall(counter, self.text(), re.MULTILINE)}

    @contextlib.contextmanager
    def expect(self, rpc, **expected):
        """What happens inside ends this many calls of an RPC with each outcome, no others, and
        leaves none in flight."""
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
    """Runs the case that the command line names. Its failure is one sentence instead of a trace."""
    try:
        ended = cases["case_" + sys.argv[1]]()
        if inspect.isawaitable(ended):
            asyncio.run(ended)
    except Exception as error:  # Whatever it is, it is why the case failed.
        last = traceback.extract_tb(error.__traceback__)[-1]
        sys.exit(f"{type(error).__name__}: {error} (line {last.lineno}: {last.line})")
