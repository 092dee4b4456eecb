#!/usr/bin/env python3
"""What the server planned follows from the behavior's text, the seed and the call ids.

The record's histogram of `planned` has to match, bucket by bucket, that of the delays which the oracle of
tests/behavior computes from the specification alone for PREFIX + 0, 1, 2 and so on: for any number of workers
and connections, and in both loops.
"""

import collections
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "behavior"))

import histogram
import lab
from lab import expect
from oracle import planned

SEED = 42
CALLS = 5_000
RUNS = (
    ("lognormal(p50=2ms, p99=20ms)", ("--rate", "5000", "--workers", "2", "--connections", "3")),
    ("mix(90%: 300us, 9%: exponential(5ms), rest: uniform(10ms, 30ms))", ("-c", "40", "--warm-up", "200ms")),
    ("percentiles(50=1ms, 90=4ms, 99=20ms)", ("--rate", "4000", "--arrivals", "poisson", "--call-id-prefix", "order-")),
)


def said(text, prefix):
    return collections.Counter(
        histogram.index_of(planned(text, SEED, f"{prefix}{number}")) for number in range(CALLS)
    )


def buckets():
    for text, flags in RUNS:
        with lab.server("--behavior", text, "--seed", str(SEED)) as server:
            ran = lab.load(server.url, "-n", CALLS, *flags)
        found, expected = ran.counts("planned"), said(text, ran.record["call_id_prefix"])
        differ = sum(1 for index in found | expected if found[index] != expected[index])
        print(f"    {text}: {CALLS:,} calls in {len(expected)} buckets, {differ} of which differ")
        expect(differ == 0, f"{differ} buckets differ from the oracle's for {text!r}")


if __name__ == "__main__":
    lab.main(buckets)
