"""How clients with a retry policy fare against `fail_first`.

A client is a program that takes an address, a number of calls and a prefix. It makes the calls `PREFIX-0`,
`PREFIX-1`, ... one after the other with the policy below, and prints a line of JSON per call: its `code` and the
`attempt` of its Timing (0 without an answer). Its policy: at most 4 attempts, after UNAVAILABLE, 20 ms before
each. If it also gets a number of milliseconds, it makes two calls without a fault before each of these, `plain-0`,
`plain-1`, ..., the second this long after the first."""

import contextlib
import re
import statistics
import tempfile
from datetime import datetime

import reports
from grpcio_lib import server_of_its_own
from lib import Counters

# What the policy waits before a retry, in ms; clients vary it by a fifth or choose at random up to it.
BACKOFF_MS = 20
# How much later than asked three of four retries may come, and how much earlier any: Node's timers have whole ms.
LATE_MS, EARLY_MS = 5, 1
# How late a client's own timers are on a machine with too much to do. Then the case is repeated, this many turns in
# all.
LOADED_MS, TURNS = 2.5, 2
RETRIES = 12

# The line that the server writes when a call ends: at once, or by a reset.
CALL = re.compile(r'(?P<at>\S+) DEBUG .*: call ended .* call_id="(?P<prefix>retry|plain)-(?P<number>\d+)"')

RESET = re.compile(r'outcome=reset call_id="fault" took="(?P<ms>[\d.]+)ms" .* attempt=(?P<attempt>\d+)')


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


def pushback(command, asked):
    """A retry comes as many ms later as the server asks, to 5 ms, and not when the policy says."""
    all_retries, all_timers = [], []
    for turn in range(TURNS):
        retries, timers = excesses(command, asked)
        assert min(retries) >= -EARLY_MS, f"a retry asked for in {asked} ms came {-min(retries):.3f} ms early"
        retry, timer = (statistics.quantiles(each, n=4)[2] for each in (retries, timers))
        if retry <= LATE_MS:
            return
        wrong = f"a quarter of the retries asked for in {asked} ms came more than {retry:.3f} ms late"
        assert timer > LOADED_MS, f"{wrong}; the client's own timers came {timer:.3f} ms late"
        wrong += f"; the machine was loaded: the client's own timers came {timer:.3f} ms late"
        # Whatever delays a client's own timers as well, it is not what the client makes of push-back. Of two
        # quarters of a dozen, chance alone makes one larger than the other.
        all_retries, all_timers = all_retries + retries, all_timers + timers
        beyond = statistics.median(all_retries) - statistics.median(all_timers)
        assert turn + 1 < TURNS or beyond <= LATE_MS, wrong
        print(f"note: {wrong}")


def excesses(command, asked):
    """How many ms too late each retry came, by the clock of the server, and each call of the client that followed
    another after a plain timer. The client's clock would add what it does before and after a call."""
    behavior = f"0s; fail_first(1, UNAVAILABLE, pushback={asked}ms)"
    with logged(behavior) as (address, log):
        said = reports.reported([*command, address], [str(RETRIES), "retry", str(asked)], lines=RETRIES)
        assert {(each["code"].upper(), each["attempt"]) for each in said} == {("OK", 2)}, said
        calls = {"retry": {}, "plain": {}}
        for line in filter(None, map(CALL.match, log())):
            calls[line["prefix"]].setdefault(line["number"], []).append(datetime.fromisoformat(line["at"]))
    for ended in calls.values():
        assert len(ended) == RETRIES and {len(both) for both in ended.values()} == {2}, calls
        yield [(second - first).total_seconds() * 1e3 - asked for first, second in ended.values()]


@contextlib.contextmanager
def logged(behavior):
    """The address of a server with this behavior, and a function that stops it and returns the lines of its log."""
    own = ("--behavior", behavior, "--seed", "42")
    with tempfile.TemporaryFile("w+") as log, server_of_its_own(*own, log=log) as (server, address):

        def lines():
            server.terminate()
            server.wait(10)
            log.seek(0)
            return log.readlines()

        yield address, lines


def transparent(report):
    """A call that the server never saw, as far as the client knows, is made again without telling anybody: with the
    number of the first attempt, and so with its delay. `report` is a client's command in reports.py."""
    with logged("uniform(20ms, 400ms); reset(100%, REFUSED_STREAM)") as (address, log):
        (said,) = reports.reported(report, [f"LongSync@{address}"])
        assert said["code"].upper() == "UNAVAILABLE", said
        ended = [(int(line["attempt"]), float(line["ms"])) for line in filter(None, map(RESET.search, log()))]
    assert [attempt for attempt, _ in ended] == [1, 1], ended
    # The delays of both attempts; a second attempt that says so would draw 121.0 ms.
    drawn = 255.5
    assert all(drawn <= ms < drawn + 50 for _, ms in ended), ended


def never(command):
    """A negative push-back ends the call at its first attempt."""
    said, counted = made(command, "0s; fail_first(1, UNAVAILABLE, pushback=never)", 5)
    assert {each["code"].upper() for each in said} == {"UNAVAILABLE"}, said
    assert counted == {"answered": 0, "failed": 5}, counted
