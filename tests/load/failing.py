#!/usr/bin/env python3
"""Failures are not fast calls.

A server with a delay of 500 ms which accepts at most 100 calls at a time and refuses all others at once,
under 1,000 calls per second: four of five fail, and quickly. A client that counts failed calls at their own
time reports a median below 10 ms; a client that leaves them out reports one of 500 ms, and a service that
looks healthy. Ours reports no median: more than half of the callers never had a good answer. For comparison
ghz, as it is, and computed from the CSV of the same run as --count-errors would count.
"""

import lab
from lab import MILLISECOND, expect, ms

FLAGS = ("--delay", "500ms", "--max-in-flight", "100")
RATE, SECONDS = 1_000, 5


def ours(url):
    ran = lab.load(url, "--rate", RATE, "-z", f"{SECONDS}s", "--threshold", "p50<10s", exit_code=99)
    counts = ran.record["counts"]
    longest = ran.beyond("response_time", "p50")
    failed = ran.percentile("failed_service_time", "p50")
    print(f"    ours: {counts['good']:,} good, {counts['failed']:,} failed; p50 > {ms(longest or 0)}")
    print(f"    failed calls alone: p50 {ms(failed)}")
    expect(longest is not None, "the median is a value, though most calls failed")
    expect(counts["failed"] > counts["due"] * 7 // 10, f"too few failed: {counts['statuses']}")
    expect(failed < 10 * MILLISECOND, "the failures were meant to be quick")
    expect(set(counts["statuses"]) == {"OK", "RESOURCE_EXHAUSTED"}, f"statuses: {counts['statuses']}")


def of_ghz(address):
    with lab.Ghz(address, "--data", "{}", "--rps", RATE, "--total", RATE * SECONDS, "--async") as running:
        calls = running.calls()
    for what, latencies in (
        ("ghz --async", [latency for latency, status in calls if status == "OK"]),
        ("ghz --async --count-errors", [latency for latency, _ in calls]),
    ):
        print(f"    {what}: p50 {ms(lab.rank(latencies, 50_000))}, of {len(latencies):,} calls")


def experiment():
    print(lab.shown("longsync-server", FLAGS))
    with lab.server(*FLAGS) as server:
        ours(server.url)
        if lab.GHZ:
            of_ghz(server.address)
        else:
            print("    ghz: not installed")


if __name__ == "__main__":
    lab.main(experiment)
