#!/usr/bin/env python3
"""A retry storm, simulated: the experiment of `longsync-client storm`, written apart from its code.

simulate.py [--seeds 1,2,3] [--way NAME] [--duration 20] [--load 80] [--attempts 4] [--backoff-max 1] [--series]
            [--check]

Ten workers with exponential service, an open loop of calls, a stall, and clients that time out and try again.
Nothing here is shared with the Rust queue or client: one heap of events, one list of waiting attempts.
"""

import argparse
import collections
import heapq
import random
import sys
from dataclasses import dataclass

BEFORE = 4.0
SHARE_OF_LOAD = 0.95
SECONDS_IN_A_ROW = 3


@dataclass(frozen=True)
class Way:
    """What the server does with abandoned calls, how many may stand, and when its clients try again."""

    name: str
    retries: str
    abandoned: str
    limit: float = float("inf")


WAYS = (
    Way("no-retries", "none", "work"),
    Way("free", "at once", "free"),
    Way("work", "at once", "work"),
    Way("limit", "at once", "work", limit=50),
    Way("backoff", "backoff", "work"),
    Way("budget", "budget", "work"),
)


@dataclass(frozen=True)
class Experiment:
    workers: int = 10
    service: float = 0.010
    load: float = 0.80
    timeout: float = 0.100
    attempts: int = 4
    backoff_max: float = 1.0
    stall: float = 1.0
    duration: float = 20.0  # after the stall

    @property
    def rate(self):
        return self.load * self.workers / self.service

    @property
    def end(self):
        return BEFORE + self.stall + self.duration


def add_experiment(parser, duration):
    """The arguments that change an experiment, as those of `storm`."""
    parser.add_argument("--duration", type=int, default=duration, help="seconds after the stall")
    parser.add_argument("--load", type=int, default=80, help="percent of the capacity")
    parser.add_argument("--attempts", type=int, default=Experiment.attempts)
    parser.add_argument("--backoff-max", type=int, default=1, help="seconds")


def experiment_of(args):
    duration, longest = float(args.duration), float(args.backoff_max)
    return Experiment(load=args.load / 100, attempts=args.attempts, backoff_max=longest, duration=duration)


class Attempt:
    """One attempt of a call, as the server sees it."""

    __slots__ = ("number", "state")

    def __init__(self, number):
        self.number = number
        self.state = "standing"  # then serving, abandoned, ended


class Client:
    """When a failed attempt is followed by another."""

    def __init__(self, way, experiment, source):
        self.way, self.experiment, self.source = way, experiment, source
        self.tokens = 10.0

    def first(self):
        self.tokens = min(10.0, self.tokens + 0.1)

    def pause(self, number):
        """Seconds until the attempt after this one; None: the call has failed."""
        if self.way.retries == "none" or number >= self.experiment.attempts:
            return None
        if self.way.retries == "backoff":
            return self.source.uniform(0, min(self.experiment.backoff_max, 0.050 * 2 ** (number - 1)))
        if self.way.retries == "budget":
            # Ten times 0.1 must be a token, whatever binary fractions make of it.
            if self.tokens < 1 - 1e-9:
                return None
            self.tokens -= 1
        return 0.0


class Simulation:
    def __init__(self, way, seed, experiment):
        self.way, self.experiment = way, experiment
        # Arrivals are the same for each way of a seed; only what follows differs.
        self.arrivals = random.Random(f"{seed} arrivals")
        self.service = random.Random(f"{seed} service")
        self.client = Client(way, experiment, random.Random(f"{seed} client"))
        self.events, self.order = [], 0
        self.waiting, self.busy = collections.deque(), 0
        self.standing = 0
        seconds = int(experiment.end)
        self.series = {
            name: [0] * seconds for name in ("load", "goodput", "attempts", "shed", "standing")
        }

    def at(self, when, what, *with_):
        self.order += 1
        heapq.heappush(self.events, (when, self.order, what, with_))

    def count(self, now, name):
        second = int(now)
        if second < len(self.series[name]):
            self.series[name][second] += 1

    def run(self):
        end = self.experiment.end
        self.at(self.arrivals.expovariate(self.experiment.rate), self.arrive)
        self.at(BEFORE + self.experiment.stall, self.serve)
        for second in range(int(end)):
            self.at(second + 1 - 1e-9, self.look, second)
        while self.events and self.events[0][0] < end:
            now, _, what, with_ = heapq.heappop(self.events)
            what(now, *with_)
        return self

    def look(self, _now, second):
        self.series["standing"][second] = self.standing

    def arrive(self, now):
        self.at(now + self.arrivals.expovariate(self.experiment.rate), self.arrive)
        self.count(now, "load")
        self.client.first()
        self.attempt(now, 1)

    def attempt(self, now, number):
        self.count(now, "attempts")
        attempt = Attempt(number)
        if self.is_stalled(now) or self.busy == self.experiment.workers:
            if self.standing >= self.way.limit:
                self.count(now, "shed")
                self.failed(now, number)
                return
            self.waiting.append(attempt)
            self.standing += 1
        else:
            self.begin(now, attempt)
        self.at(now + self.experiment.timeout, self.timed_out, attempt)

    def is_stalled(self, now):
        return BEFORE <= now < BEFORE + self.experiment.stall

    def begin(self, now, attempt):
        self.busy += 1
        if attempt.state == "standing":
            attempt.state = "serving"
        self.at(now + self.service.expovariate(1 / self.experiment.service), self.served, attempt)

    def served(self, now, attempt):
        if attempt.state == "ended":
            return  # its slot was freed when it was abandoned
        self.busy -= 1
        if attempt.state == "serving":
            self.count(now, "goodput")
        attempt.state = "ended"
        self.serve(now)

    def serve(self, now):
        if self.is_stalled(now):
            return
        while self.waiting and self.busy < self.experiment.workers:
            attempt = self.waiting.popleft()
            if attempt.state != "ended":
                self.standing -= 1
                self.begin(now, attempt)

    def timed_out(self, now, attempt):
        was = attempt.state
        if was not in ("standing", "serving"):
            return
        attempt.state = "abandoned"
        if self.way.abandoned == "free":
            attempt.state = "ended"
            if was == "standing":
                self.standing -= 1
            else:
                self.busy -= 1
                self.serve(now)
        self.failed(now, attempt.number)

    def failed(self, now, number):
        pause = self.client.pause(number)
        if pause is not None:
            self.at(now + pause, self.attempt, number + 1)

    def whole_after(self):
        """Seconds from the end of the stall to the first of three whole seconds; None: never."""
        return whole_after(self.series["load"], self.series["goodput"], BEFORE + self.experiment.stall)

    def summary(self):
        before = self.series["goodput"][: int(BEFORE)]
        return {
            "way": self.way.name,
            "goodput_before": sum(before) / len(before),
            "goodput_lowest": min(self.series["goodput"][int(BEFORE) :]),
            "goodput_last": sum(self.series["goodput"][-3:]) / 3,
            "whole_after_s": self.whole_after(),
            "attempts_per_call": sum(self.series["attempts"]) / sum(self.series["load"]),
            "standing_last": self.series["standing"][-1],
            "series": self.series,
        }


def whole_after(load, goodput, trigger_end):
    is_whole = [good >= SHARE_OF_LOAD * due for due, good in zip(load, goodput)]
    first = int(-(-trigger_end // 1))
    for second in range(first, len(is_whole) - SECONDS_IN_A_ROW + 1):
        if all(is_whole[second : second + SECONDS_IN_A_ROW]):
            return second - trigger_end
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--way", choices=[way.name for way in WAYS])
    add_experiment(parser, duration=20)
    parser.add_argument("--series", action="store_true", help="print each second")
    parser.add_argument("--check", action="store_true", help="fail if a way does not end as theory says")
    args = parser.parse_args()
    experiment = experiment_of(args)
    ways = [way for way in WAYS if args.way in (None, way.name)]
    unexpected = 0
    for way in ways:
        for seed in map(int, args.seeds.split(",")):
            run = Simulation(way, seed, experiment).run().summary()
            show(seed, run, args.series)
            unexpected += not is_expected(run)
    sys.exit(1 if args.check and unexpected else 0)


# Offered four attempts per call, or even two, a server for 1.25 times the load never works off its queue; with
# a tenth more than the load it does, and without retries sooner. In a short queue nothing waits too long.
RECOVER_WITHIN_S = {"no-retries": 6, "free": 1, "limit": 2, "budget": 20}


def is_expected(run):
    within, after = RECOVER_WITHIN_S.get(run["way"]), run["whole_after_s"]
    if within is None:
        return after is None
    return after is not None and after <= within


def show(seed, run, with_series):
    whole = "never" if run["whole_after_s"] is None else f"{run['whole_after_s']:.0f} s"
    print(
        f"{run['way']:>10} seed {seed}: goodput {run['goodput_before']:4.0f}/s before, "
        f"{run['goodput_lowest']:3d} lowest, {run['goodput_last']:4.0f} last; whole after {whole:>5}; "
        f"{run['attempts_per_call']:.2f} attempts per call; {run['standing_last']} standing"
    )
    if with_series:
        print("    second    load goodput attempts    shed standing")
        for second, row in enumerate(zip(*run["series"].values())):
            load, goodput, attempts, shed, standing = row
            print(f"    {second:6d} {load:7d} {goodput:7d} {attempts:8d} {shed:7d} {standing:8d}")


if __name__ == "__main__":
    main()
