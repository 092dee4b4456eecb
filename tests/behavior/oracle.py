#!/usr/bin/env python3
"""The delays and faults that a longsync server draws, computed from the specification of the language alone.

    oracle.py TEXT --seed N [--limit 1h] < NAMES              one planned delay in ns per line
    oracle.py TEXT --seed N [--limit 1h] --faults < NAMES     a tab and the fault's clause, or `-`, after it
    oracle.py --golden > golden.txt                           the vectors that the unit tests read
    oracle.py --golden --faults > golden_faults.txt
    oracle.py --self-test

A line of NAMES is `call_id [attempt [index]]`; the call id may be in double quotes, and a call without one is
`#connection/request`. The attempt is the one in the call's headers, which `fail_first` counts as well; the
index is 0 for the fault of a Stream or Collect, and a message's position in an Exchange. The delay is the
drawn one, even if the fault does not wait for it. Nothing here was taken from the server or its crates:
because the two are independent, their agreement shows that both are right.
"""

import argparse
import functools
import re
import sys

import golden
import selftest
from grammar import HOUR, Parser, Refused, behavior_of
from siphash import uniforms_of, unnamed

behavior = functools.lru_cache(maxsize=256)(behavior_of)


def bytes_of(name):
    """A call's name as it is hashed: from a call id (str), or from numbers (connection, request)."""
    return name.encode() if isinstance(name, str) else unnamed(*name)


def planned(text, seed, name, attempt=1, index=0, limit_ns=HOUR):
    """The delay in ns that a server started with this text, seed and delay limit plans for a call.

    `name` is the call id, or the pair (connection, request) of a call without one; `attempt` counts from 1,
    and `index`, that of the message in its call, from 0."""
    for_delay, _ = uniforms_of(seed, bytes_of(name), attempt, index)
    return behavior(text, limit_ns).law.draw(for_delay, attempt)


def unrounded(text, seed, name, attempt=1, index=0, limit_ns=HOUR):
    """The same before rounding, as a float."""
    for_delay, _ = uniforms_of(seed, bytes_of(name), attempt, index)
    return behavior(text, limit_ns).law.exact(for_delay, attempt)


def fault(text, seed, name, attempt=1, index=0, limit_ns=HOUR):
    """The canonical text of the clause that hits the call or message, or None. Arguments as above.

    Only messages of an Exchange have an index above 0 here: the fault of a Stream or Collect is drawn at
    index 0."""
    _, for_fault = uniforms_of(seed, bytes_of(name), attempt, index)
    clause = behavior(text, limit_ns).faults.hit(for_fault, attempt, index)
    return None if clause is None else str(clause)


def name_of(written):
    """A name as it is written in a line: `order-1`, `"order-1"`, `#0/17`."""
    if numbers := re.fullmatch(r"#(\d+)/(\d+)", written):
        return int(numbers[1]), int(numbers[2])
    quoted = re.fullmatch(r'"([^"]*)"', written)
    return quoted[1] if quoted else written


def named_in(line):
    """The name, attempt and index in a line of NAMES."""
    parts = re.fullmatch(r"\s*(\S+)(?:\s+(\d+)(?:\s+(\d+))?)?\s*", line)
    if parts is None:
        raise Refused(f"expected `call_id [attempt [index]]`, found {line.strip()!r}")
    return name_of(parts[1]), int(parts[2] or 1), int(parts[3] or 0)


def duration(written):
    return Parser(written, HOUR).duration()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", nargs="?", help="the behavior, such as 'exponential(5ms)'")
    parser.add_argument("--seed", type=int, help="the server's seed")
    parser.add_argument("--limit", type=duration, default=HOUR, help="the server's delay limit (1h)")
    parser.add_argument("--faults", action="store_true", help="print faults as well; with --golden, their vectors")
    parser.add_argument("--golden", action="store_true", help="print the vectors of golden.txt")
    parser.add_argument("--self-test", action="store_true", help="check this program against published values")
    given = parser.parse_args()
    if not given.golden and not given.self_test and (given.text is None or given.seed is None):
        parser.error("give a text and --seed, or --golden, or --self-test")
    return given


def main():
    given = arguments()
    if given.self_test:
        selftest.run(planned, fault)
    elif given.golden:
        if given.faults:
            lines = golden.fault_lines(planned, unrounded, fault, name_of)
        else:
            lines = golden.lines(planned, unrounded, name_of)
        sys.stdout.writelines(f"{line}\n" for line in lines)
    else:
        behavior(given.text, given.limit)
        for line in filter(str.strip, sys.stdin):
            call = (given.text, given.seed, *named_in(line), given.limit)
            print(planned(*call), *([fault(*call) or "-"] if given.faults else []), sep="\t")


if __name__ == "__main__":
    try:
        main()
    except Refused as why:
        sys.exit(f"oracle.py: {why}")
