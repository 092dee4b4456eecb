"""How clients with a retry policy fare against `fail_first`.

A client is a program that takes an address, a number of calls and a prefix. It makes the calls `PREFIX-0`,
`PREFIX-1`, ... one after the other with the policy below, and prints a line of JSON per call: its `code`, the
`attempt` of its Timing (0 without an answer) and how many `ms` it took. Its policy: at most 4 attempts, after
UNAVAILABLE, 20 ms before each."""

import statistics

import reports
from grpcio_lib import server_of_its_own
from lib import Counters

# What the policy waits before a retry, in ms; clients vary it by a fifth or choose at random up to it.
BACKOFF_MS = 20


def made(command, behavior, count):
    """The reports of calls to a server with this behavior, and how many calls it counted by outcome."""
    with server_of_its_own("--behavior", behavior) as (_, address):
        counters = Counters(address)
        before = counters.ended("LongSync")
        said = reports.reported([*command, address], [str(count), "retry"], lines=count)
        counters.until_in_flight(0)
        ended = counters.ended("LongSync")
        return said, {outcome: ended[outcome] - before[outcome] for outcome in ("answered", "failed")}


def third_attempt_succeeds(command):
    """100 calls, each with a name of its own."""
    said, counted = made(command, "0s; fail_first(2, UNAVAILABLE)", 100)
    seen = {(each["code"].upper(), each["attempt"]) for each in said}
    assert seen == {("OK", 3)}, f"the calls ended with these codes and attempts: {seen}"
    assert counted == {"answered": 100, "failed": 200}, counted


def pushback(command):
    """A retry comes as late as the server asks, to 5 ms, and not when the policy says."""
    for asked in (5 * BACKOFF_MS, 12 * BACKOFF_MS):
        said, _ = made(command, f"0s; fail_first(1, UNAVAILABLE, pushback={asked}ms)", 15)
        assert {(each["code"].upper(), each["attempt"]) for each in said} == {("OK", 2)}, said
        took = [each["ms"] for each in said]
        assert min(took) >= asked - 1, f"a retry after {asked} ms took {min(took):.3f} ms"
        # Not the median: a machine under load delays the client itself.
        quarter = statistics.quantiles(took, n=4)[0]
        assert quarter <= asked + 5, f"a quarter of the retries after {asked} ms took over {quarter:.3f} ms"


def never(command):
    """A negative push-back ends the call at its first attempt."""
    said, counted = made(command, "0s; fail_first(1, UNAVAILABLE, pushback=never)", 5)
    assert {each["code"].upper() for each in said} == {"UNAVAILABLE"}, said
    assert counted == {"answered": 0, "failed": 5}, counted
