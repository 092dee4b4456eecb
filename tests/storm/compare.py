#!/usr/bin/env python3
"""Compares storms of the client, over real connections, with simulated ones.

compare.py CLIENT [--seeds 1,2,3,4,5] [--ways WAY,...] [--duration 15] [--load 80] [--attempts 4] [--backoff-max 1]

Both have the same experiment but other random numbers: what has to agree is whether a way is whole again, and
when, to 30 % or 2 s, whichever is more.
"""

import argparse
import json
import subprocess
import sys

import simulate

RELATIVE = 0.3
ABSOLUTE_S = 2.0
# Of attempts per call, which follow from what clients do and hardly from chance.
ATTEMPTS = 0.15
# What a busy machine may send late before its figures mean nothing.
MOST_LATE = 0.01


def live(args, seed):
    """The ways of a storm of the client, by name."""
    command = [args.client, "storm", "--json", "--seed", str(seed), "--ways", args.ways]
    command += ["--duration", f"{args.duration}s", "--load", f"{args.load}%"]
    command += ["--attempts", str(args.attempts), "--backoff-max", f"{args.backoff_max}s"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return {way["way"]: way for way in json.loads(ran.stdout)["ways"]}


def seconds(nanoseconds):
    return None if nanoseconds is None else nanoseconds / 1e9


def agree(real, expected):
    if real is None or expected is None:
        return real is expected
    return abs(real - expected) <= max(ABSOLUTE_S, RELATIVE * expected)


def words(after):
    return "never" if after is None else f"{after:.0f} s"


def problems(real, expected):
    """What differs in a way of a seed by more than it may."""
    due = sum(slot["due"] for slot in real["slots"])
    if real["late"] > MOST_LATE * due:
        yield f"{real['late']} of {due} calls were sent late: this machine is too busy"
    before = [slot for at, slot in enumerate(real["slots"]) if (at + 1) * real["slot_ns"] <= real["trigger_start_ns"]]
    if sum(slot["good"] for slot in before) < simulate.SHARE_OF_LOAD * sum(slot["due"] for slot in before):
        yield "it was not whole even before the stall: this machine is too busy"
    if not agree(seconds(real["whole_after_ns"]), expected["whole_after_s"]):
        yield "recovery differs"
    if abs(real["attempts_per_call"] / expected["attempts_per_call"] - 1) > ATTEMPTS:
        yield "attempts per call differ"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("client")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--ways", default=",".join(way.name for way in simulate.WAYS))
    simulate.add_experiment(parser, duration=15)
    args = parser.parse_args()
    experiment = simulate.experiment_of(args)
    failed = 0
    print(f"{'way':>10} seed    real  simulated   attempts per call     standing at most")
    for seed in map(int, args.seeds.split(",")):
        runs = live(args, seed)
        for way in (way for way in simulate.WAYS if way.name in runs):
            real, expected = runs[way.name], simulate.Simulation(way, seed, experiment).run().summary()
            found = list(problems(real, expected))
            failed += bool(found)
            standing = max(slot["standing"] for slot in real["slots"])
            print(
                f"{way.name:>10} {seed:4d} {words(seconds(real['whole_after_ns'])):>7} "
                f"{words(expected['whole_after_s']):>10} {real['attempts_per_call']:9.2f} "
                f"{expected['attempts_per_call']:9.2f} {standing:9d} {max(expected['series']['standing']):9d}"
                f"{'  ' if found else ''}{'; '.join(found)}",
                flush=True,
            )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
