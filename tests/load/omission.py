#!/usr/bin/env python3
"""Coordinated omission: a server that stalls for one second out of thirty.

Of 30,000 calls due 1 ms apart, those due in the stall wait for its end: p99 is 700 ms and p99.9 970 ms, each
plus the server's delay of 5 ms. Our figures have to match within 2 %. With at most 100 calls in flight most
of those calls are never sent: then both percentiles are `> X`, and the report states how many and why. For
comparison ghz in both its modes is shown but not judged.
"""

import contextlib

import lab
from lab import MILLISECOND, expect, ms

CALLS, RATE = 30_000, 1_000
BASE = 5 * MILLISECOND
BEHAVIOR = "5ms; stall(at=10s, for=1s, from=first_call)"
TRUTH = {"p99": 700 * MILLISECOND + BASE, "p99.9": 970 * MILLISECOND + BASE}
PLAN = ("--rate", RATE, "-n", CALLS)


def shows(what, p50, p99, p999, missing=0):
    missing = f", {missing:,} calls were not sent" if missing else ""
    print(f"    {what}: p50 {p50}, p99 {p99}, p99.9 {p999}{missing}")


def ours(ran):
    values = (ran.shown("response_time", percentile) for percentile in ("p50", "p99", "p99.9"))
    shows("ours", *values, sum(ran.not_sent().values()))


def whole(ran):
    ours(ran)
    expect(ran.record["counts"]["good"] == CALLS, f"not all were good: {ran.record['counts']}")
    for percentile, truth in TRUTH.items():
        lab.expect_close(ran.percentile("response_time", percentile), truth, truth // 50, percentile)
    averaged = mean_of_seconds(ran)
    print(f"    the mean of its seconds' p99 would be {ms(averaged)}")
    expect(averaged < TRUTH["p99"] // 4, "the mean of the seconds' p99 is meant to be far from the run's")


def mean_of_seconds(ran):
    """The figure that a dashboard shows if it averages percentiles."""
    seconds = [it["histograms"].get("response_time") for it in ran.record["intervals"]]
    decoded = (lab.histogram.decoded(second["histogram"]) for second in seconds if second)
    values = [lab.histogram.percentile(counts, 99_000) for counts in decoded]
    return sum(values) // len(values)


def limited(ran):
    ours(ran)
    print(f"    p99 of those that were sent would be {ms(ran.percentile('service_time', 'p99'))}")
    for percentile in TRUTH:
        expect(ran.beyond("response_time", percentile) is not None, f"{percentile} is not `> X`")
    expect(set(ran.not_sent()) == {"in_flight_limit"}, f"not sent: {ran.not_sent()}")
    count = ran.not_sent()["in_flight_limit"]
    # 100 of the 1,000 calls due in the stall are sent.
    expect(850 <= count <= 950, f"{count} were not sent, of about 900")
    for words in (f"not sent: {count:,} in-flight limit", "give --max-in-flight"):
        expect(words in ran.text, f"the report does not contain {words!r}:\n{ran.text}")


def of_ghz(mode, calls):
    latencies = [latency for latency, _ in calls]
    missing = CALLS - len(calls)
    shows(mode, *(ms(lab.rank(latencies, p)) for p in (50_000, 99_000, 99_900)), missing)


def side_by_side():
    """Both loads of a pair run at the same time: at this rate they leave the machine idle for most of the
    time."""
    print(lab.shown("longsync-server", ["--behavior", BEHAVIOR]))
    with contextlib.ExitStack() as at_once:
        first, second = (at_once.enter_context(lab.server("--behavior", BEHAVIOR)) for _ in range(2))
        all_of_them = at_once.enter_context(lab.Load(first.url, *PLAN))
        few = at_once.enter_context(lab.Load(second.url, *PLAN, "--max-in-flight", 100))
        whole(all_of_them.ended())
        limited(few.ended())
    if not lab.GHZ:
        print("    ghz: not installed")
        return
    with contextlib.ExitStack() as at_once:
        flags = ("--data", "{}", "--rps", RATE, "--total", CALLS)
        first, second = (at_once.enter_context(lab.server("--behavior", BEHAVIOR)) for _ in range(2))
        closed = at_once.enter_context(lab.Ghz(first.address, *flags))
        unlimited = at_once.enter_context(lab.Ghz(second.address, *flags, "--async"))
        of_ghz("ghz", closed.calls())
        of_ghz("ghz --async", unlimited.calls())


if __name__ == "__main__":
    lab.main(side_by_side)
