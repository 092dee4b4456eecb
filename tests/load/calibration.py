#!/usr/bin/env python3
"""Calibration: what is added between client and server affects `added` alone.

An open loop at 1,000/s against delays of 0, 5 and 500 ms, without and with a delay line of 20 ms from the
server to the client. The line has to shift the median of `added` by 20 +- 0.5 ms and its p99 by 20 +- 2 ms;
the medians of what the server waited, of the time in its queue, of its lateness and of the client's lag have
to stay within 100 us. This cannot be shown on a machine that other programs keep busy.
"""

import lab
from lab import MILLISECOND, expect, ms

DELAYS = ("0ms", "5ms", "500ms")
LINE_MS = 20
STAY = MILLISECOND // 10
MOVES = {"p50": MILLISECOND // 2, "p99": 2 * MILLISECOND}
CALLS = 4_000


def measured(url, delay):
    plan = ("--rate", "1000", "--delay", delay, "--warm-up", "500ms", "-n", CALLS)
    ran = lab.load(url, *plan, quiet=True)
    good = ran.record["counts"]["good"]
    expect(good == CALLS, f"{good} of {CALLS} calls were good")
    return ran


def compared(delay, without, beyond):
    """Compares the run through the line with the one without it."""
    for percentile, tolerance in MOVES.items():
        before, after = (ran.percentile("added", percentile) for ran in (without, beyond))
        print(f"    delay {delay}: added {percentile} {ms(before)}, with the line {ms(after)}: {ms(after - before)} more")
        lab.expect_close(after - before, LINE_MS * MILLISECOND, tolerance, f"delay {delay}: what the line adds at {percentile}")
    for figure in ("waited", "queued", "lateness", "lag"):
        before, after = (ran.percentile(figure, "p50") for ran in (without, beyond))
        print(f"    delay {delay}: {figure} p50 {ms(before)}, with the line {ms(after)}")
        lab.expect_close(after, before, STAY, f"delay {delay}: the median of {figure} with the line")


def calibration():
    lab.needs_quiet()
    with lab.server() as server, lab.delay_line(server.address, LINE_MS) as line:
        for delay in DELAYS:
            compared(delay, measured(server.url, delay), measured(line.url, delay))


if __name__ == "__main__":
    lab.main(calibration)
