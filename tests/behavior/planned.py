#!/usr/bin/env python3
"""Makes calls to a running longsync-server, and checks the delays that it reports as planned and waited
against the oracle.

    planned.py ADDR TEXT --seed N [--calls 20000] [--connections 1] [--kind unary] ...

`--kind unnamed` makes unary calls without call ids, one at a time, and needs a new server: their names are
the numbers of connection and request. Every `planned` has to match the oracle's to the ns; no wait and no
service time may be shorter than it; p50, p90 and p99 of `waited` have to be where 99.9 % of all runs of the
law have them, with the upper end widened by the measured lateness.
"""

import argparse
import sys

import calls
import grpc
import ranks
from grammar import HOUR, law_of
from laws import quantile
from oracle import duration, planned, unrounded

SHARES = ("0.5", "0.9", "0.99")
# Below this number of values an interval of p99 has no upper end.
LEAST_FOR_INTERVALS = 1000
# How many calls are drawn again from the canonical text, and how many mismatches are printed.
REREAD = 200
SHOWN = 5


def shown(ns):
    return f"{ns / 1e6:.3f} ms"


def named(name):
    return f'"{name}"' if isinstance(name, str) else "#{}/{}".format(*name)


class Check:
    """The errors in the answers of one run, as sentences."""

    def __init__(self, given, answers):
        self.given = given
        self.answers = answers
        self.wrong = []

    def planned(self, draws, text=None, limit=None):
        limit = limit or self.given.limit
        return sum(planned(text or self.given.text, self.given.seed, *draw, limit) for draw in draws)

    def explained(self, draws):
        """The draws, each with its value before rounding: a mismatch of 1 ns may be caused by that."""
        parts = []
        for name, attempt, index in draws:
            value = unrounded(self.given.text, self.given.seed, name, attempt, index, self.given.limit)
            parts.append(f"{named(name)} attempt {attempt} index {index} ({value!r} ns)")
        return " + ".join(parts)

    def answer(self, answer):
        timing, expected = answer.timing, self.planned(answer.draws)
        if timing.planned is None or timing.waited is None:
            yield "the answer's Timing lacks planned or waited"
        elif timing.planned != expected:
            yield f"planned is {timing.planned} ns instead of {expected} ns"
        elif timing.waited < timing.planned + timing.queued:
            yield f"waited is {timing.waited} ns, less than planned {timing.planned} + queued {timing.queued} ns"
        elif answer.service < (least := expected + timing.queued + self.planned(answer.before)):
            yield f"the client had the answer after {answer.service} ns, before the {least} ns of its delay"
        elif timing.attempt != answer.draws[0][1]:
            yield f"the Timing's attempt is {timing.attempt} instead of {answer.draws[0][1]}"

    def every_answer(self):
        for answer in self.answers:
            self.wrong += (f"{what}: {self.explained(answer.draws)}" for what in self.answer(answer))

    def canonical_text(self):
        """The behavior named in the answers has to plan the same delays, at the usual limit of 1 h."""
        texts = {answer.timing.behavior for answer in self.answers}
        if len(texts) != 1:
            self.wrong.append(f"the answers name {len(texts)} behaviors: {sorted(texts)[:SHOWN]}")
            return
        (text,) = texts
        for answer in self.answers[:REREAD]:
            again, expected = self.planned(answer.draws, text, HOUR), self.planned(answer.draws)
            if again != expected:
                self.wrong.append(f"the canonical text {text!r} plans {again} ns instead of {expected} ns")
                return
        print(f"behavior: {text}")

    def distribution(self, attempt, answers):
        """`waited` of single messages of one attempt, and service time of those that no other message
        preceded."""
        law = law_of(self.given.text, self.given.limit)
        first = [answer for answer in answers if not answer.before]
        measured = (
            ("waited", "lateness", [(a.timing.waited - a.timing.queued, a.timing.planned) for a in answers]),
            ("service time", "lateness and added", [(a.service - a.timing.queued, a.timing.planned) for a in first]),
        )
        for what, beyond, pairs in measured:
            if len(pairs) < LEAST_FOR_INTERVALS:
                continue
            # For lateness and added together, the p99 of the sum: the sum of their p99 is not a bound of it.
            wider = ranks.at(sorted(value - planned for value, planned in pairs), "0.99")
            print(f"{what} of {len(pairs)} answers, attempt {attempt}; p99 of its {beyond} {shown(wider)}")
            self.percentiles(f"{what} of attempt {attempt}", sorted(value for value, _ in pairs), law, attempt, wider)

    def percentiles(self, what, ordered, law, attempt, wider):
        for share in SHARES:
            low, high = (quantile(law, p, attempt) for p in ranks.interval(len(ordered), share))
            value = ranks.at(ordered, share)
            place = f"{shown(low)} to {shown(high)} + {shown(wider)}"
            print(f"  p{float(share) * 100:g} {shown(value)}, expected {place}")
            if not low <= value <= high + wider:
                self.wrong.append(f"the quantile {share} of {what} is {shown(value)}, which is not within {place}")

    def all(self):
        self.every_answer()
        self.canonical_text()
        single = [answer for answer in self.answers if len(answer.draws) == 1]
        for attempt in range(1, self.given.attempts + 1):
            of_attempt = [answer for answer in single if answer.draws[0][1] == attempt]
            if of_attempt and not self.wrong:
                self.distribution(attempt, of_attempt)
        return self.wrong


def whole(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("address", help="the server's HOST:PORT")
    parser.add_argument("text", help="its --behavior")
    parser.add_argument("--seed", type=int, required=True, help="its --seed")
    parser.add_argument("--limit", type=duration, default=HOUR, help="its delay limit (1h)")
    parser.add_argument("--kind", choices=["unnamed", *calls.KINDS], default="unary")
    parser.add_argument("--calls", type=whole, default=20_000)
    parser.add_argument("--connections", type=whole, default=1)
    parser.add_argument("--in-flight", type=whole, default=32, help="number of concurrent calls")
    parser.add_argument("--count", type=whole, default=8, help="messages of a stream, collect or exchange")
    parser.add_argument("--attempts", type=whole, default=1, help="the calls are attempts 1 to this number, in turn")
    return parser.parse_args()


def main():
    given = arguments()
    law_of(given.text, given.limit)
    answers = calls.made(given.address, given)
    wrong = Check(given, answers).all()
    workers = sorted({answer.timing.worker for answer in answers})
    print(f"{len(answers)} answers of {given.calls} calls ({given.kind}), from workers {workers}")
    for sentence in wrong[:SHOWN]:
        print(sentence, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} differences from {given.text!r} with seed {given.seed}")
    print("every planned is the oracle's to the ns, and none was answered early")


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"a call ended with {error.code().name}: {error.details()}")
    except Exception as error:  # Any exception is the reason why the run failed.
        sys.exit(f"{type(error).__name__}: {error}")
