#!/usr/bin/env python3
"""A server that sends a GOAWAY, stops and comes back costs the calls of the time in between, and hardly any
other.

The server is ended by SIGTERM in the middle of a run: it sends a GOAWAY, and answers the calls that it has
accepted. Another server starts at the same address. Every call that was due is accounted for, none of those
that the first server had accepted is lost, and calls are good again once the second server is running.
"""

import signal
import time

import lab
from lab import expect

RATE, SECONDS = 500, 4


def goaway():
    with lab.server("--delay", "100ms") as first:
        with lab.Load(first.url, "--rate", RATE, "-z", f"{SECONDS}s", "--connections", 2) as running:
            time.sleep(1.5)
            first.process.send_signal(signal.SIGTERM)
            expect(first.process.wait(timeout=lab.PATIENCE) == 0, "the first server did not drain")
            with lab.server("--delay", "100ms", listen=first.address):
                ran = running.ended()
    counts = ran.accounted()
    expect(counts["due"] == RATE * SECONDS, f"{counts['due']} calls were due, not {RATE * SECONDS}")
    last = ran.record["intervals"][-1]["counts"]
    print(f"    {counts['good']:,} of {counts['due']:,} good; {counts['connections_opened']} connections opened,")
    print(f"    {counts['connections_lost']} lost; not sent: {ran.not_sent()}; statuses: {counts['statuses']}")
    expect(counts["unfinished"] == 0, "calls that a server had taken were never answered")
    # Some are on their way to the first when it sends the GOAWAY, and are refused: far fewer than the 50 in
    # flight.
    expect(counts["failed"] < 25, f"too many failed: {counts['statuses']}")
    # In between, nothing listens for the time that a program takes to start.
    expect(counts["good"] > counts["due"] // 2, "most calls were not good")
    expect(last["good"] == last["ended"] > 0, f"the last second: {last}")
    expect(set(ran.not_sent()) <= {"no_connection"}, f"not sent: {ran.not_sent()}")


if __name__ == "__main__":
    lab.main(goaway)
