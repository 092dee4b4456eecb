#!/usr/bin/env python3
"""A generator that cannot keep up reports it. (For one that can, and must not report it: in_breath.py.)

At ten times the possible rate, and next to busy neighbors on its only core: it ends within its grace, first
reports that the client was the limit, and `--strict` exits with 98. ghz at ten times the possible rate, in
both its modes, is shown but not judged.
"""

import time

import lab
from lab import expect

VERDICT = "It was the client"
GRACE = 2
# Sending ends 100 ms after the last due time; the rest is the time to connect and to report.
MARGIN = 3


def tells(what, ran):
    counts = ran.record["counts"]
    lag, median = lab.ms(ran.percentile("lag", "p99")), ran.shown("response_time", "p50")
    print(f"    {what}: {counts['due']:,} due, {counts['sent']:,} sent, p99 of lag {lag}, p50 of response time {median}")


def out_of_breath(what, url, seconds, *flags, core=None):
    began = time.monotonic()
    plan = ("-z", f"{seconds}s", "--grace", f"{GRACE}s", "--strict")
    ran = lab.load(url, *flags, *plan, exit_code=98, core=core)
    took = time.monotonic() - began
    tells(what, ran)
    expect(took < seconds + GRACE + MARGIN, f"{what}: it took {took:.1f} s")
    expect(ran.is_client_bound, f"{what}: the record does not report that the client was the limit")
    expect(ran.text.startswith(VERDICT), f"{what}: the report does not begin with the verdict:\n{ran.text[:300]}")
    ran.accounted()


def ghz(address, rate, seconds):
    """Its figures for the same server at the same rate."""
    plan = ("--data", "{}", "--rps", rate, "--duration", f"{seconds}s", "--duration-stop", "wait")
    for flags in (plan, (*plan, "--async")):
        with lab.Ghz(address, *flags) as running:
            latencies = [latency for latency, _ in running.calls()]
        p50, p99 = (lab.ms(lab.rank(latencies, p)) for p in (50_000, 99_000))
        print(f"    {len(latencies):,} calls of {rate * seconds:,}: p50 {p50}, p99 {p99}")


def experiment():
    with lab.server("--delay", "0ms") as server:
        possible = lab.load(server.url, "-c", 50, "-z", "2s").record["counts"]["good"] / 2
        print(f"    possible: about {possible:,.0f} calls per second")
        out_of_breath("10 times what is possible", server.url, 2, "--rate", round(possible * 10))
        if lab.GHZ:
            ghz(server.address, round(possible * 10), 2)
        with lab.busy(0, neighbors=3):
            out_of_breath("neighbors on its core", server.url, 3, "--rate", 2_000, core=0)


if __name__ == "__main__":
    lab.main(experiment)
