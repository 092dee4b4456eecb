#!/usr/bin/env python3
"""Makes calls to a running longsync-server whose behavior has faults, and checks which of them fail, and how,
against the oracle.

    failing.py ADDR TEXT --seed N [--calls 20000] [--connections 1] [--kind unary]

Exactly the calls that the oracle names have to be hit, each by the clause that it names; how many there are
of each clause has to be where 99.9 % of all runs have it; and every delay that is reported has to be the
oracle's. The clauses may be `fail`, `reset` and `hang`; an exchange's resets are left to other tests.
"""

import argparse
import asyncio
import contextlib
import re
import sys
from collections import Counter
from fractions import Fraction

import calls
import grpc
import ranks
import wire
from oracle import fault, planned

# A call that hangs is given up after this many seconds; all others have ended long before.
PATIENCE = 2
SHOWN = 5
# The message of a `fail` that has none of its own.
PLANNED = "planned by longsync"
ANSWERED, HUNG, RESET = "answered", "hang", "reset"


async def unary(connection, name, _count):
    """How each message of the call ended, and the delay that was planned for it, if the server reports it."""
    try:
        answer = await connection.unary(wire.request(name), timeout=PATIENCE)
    except grpc.aio.AioRpcError as error:
        return [(0, ending_of(error), None)]
    return [(0, ANSWERED, wire.timing(wire.fields_of(answer)).planned)]


def ending_of(error):
    """The name of the clause with which a call ended."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return HUNG
    if "RST_STREAM" in (error.details() or ""):
        return RESET
    assert error.details() == PLANNED, f"a call ended with {error.code().name}: {error.details()}"
    return f"fail {error.code().name}"


async def exchange(connection, name, count):
    call = connection.exchange(timeout=PATIENCE * 10)
    for index in range(count):
        await call.write(wire.request(name if index == 0 else None, id=index))
    await call.done_writing()
    ended = {}
    async for answer in call:
        fields = wire.fields_of(answer)
        index = fields.get(wire.ANSWER_ID, 0)
        assert index < count and index not in ended, f"{name} had an unexpected answer {index}"
        code = wire.fields_of(fields.get(wire.FAILURE, b"")).get(1)
        ending = ANSWERED if code is None else f"fail {code_name(code)}"
        ended[index] = (index, ending, wire.timing(fields).planned)
    # The stream has ended well, so what was not answered never is.
    return [ended.get(index, (index, HUNG, None)) for index in range(count)]


def code_name(number):
    return next(code.name for code in grpc.StatusCode if code.value[0] == number)


KINDS = {"unary": unary, "exchange": exchange}


async def made(given):
    """Makes the calls `f-0`, `f-1`, ..., on all connections in turn, a bounded number at a time."""
    numbers, ended = iter(range(given.calls)), {}

    async def one_at_a_time(opened):
        for number in numbers:
            name = f"f-{number}"
            for index, ending, delay in await KINDS[given.kind](opened[number % len(opened)], name, given.count):
                ended[name, index] = ending, delay

    async with calls.connections(given.address, given.connections) as opened:
        await asyncio.gather(*(one_at_a_time(opened) for _ in range(given.in_flight)))
    return ended


def expected_of(clause):
    """How a message ends that this clause hits."""
    if clause is None:
        return ANSWERED
    kind, arguments = re.fullmatch(r"(\w+)\((.*)\)", clause).groups()
    return f"fail {arguments.split(', ')[1]}" if kind == "fail" else kind


def differences(given, ended):
    for (name, index), (ending, delay) in ended.items():
        clause = fault(given.text, given.seed, name, 1, index)
        if ending != expected_of(clause):
            yield f"message {index} of {name}: {ending} instead of {clause or ANSWERED}"
        drawn = planned(given.text, given.seed, name, 1, index)
        if delay is not None and delay != drawn:
            yield f"message {index} of {name}: planned is {delay} ns instead of {drawn} ns"


def shares(given, ended):
    """Whether as many messages were hit by each clause as 99.9 % of all runs have."""
    hit = Counter(fault(given.text, given.seed, name, 1, index) for name, index in ended)
    for clause in given.text.split("; "):
        if not (share := re.match(r"\w+\(([\d.]+)%", clause)):
            continue
        p, count = float(Fraction(share[1]) / 100), hit[clause]
        above, below = ranks.at_least(len(ended), count, p), 1 - ranks.at_least(len(ended), count + 1, p)
        print(f"{clause}: {count} of {len(ended)}")
        if above < ranks.OUTSIDE or below < ranks.OUTSIDE:
            yield f"{clause} hit {count} of {len(ended)}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("address", help="the server's HOST:PORT")
    parser.add_argument("text", help="its --behavior, in canonical form")
    parser.add_argument("--seed", type=int, required=True, help="its --seed")
    parser.add_argument("--kind", choices=KINDS, default="unary")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=400, help="number of concurrent calls")
    parser.add_argument("--count", type=int, default=1, help="messages of an exchange")
    parser.add_argument("--hit", help="a file: the names of the calls that were hit, to compare with other runs")
    return parser.parse_args()


def main():
    given = arguments()
    ended = asyncio.run(made(given))
    wrong = [*differences(given, ended), *shares(given, ended)]
    for sentence in wrong[:SHOWN]:
        print(sentence, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} differences from {given.text!r} with seed {given.seed}")
    if given.hit:
        with contextlib.closing(open(given.hit, "w", encoding="ascii")) as file:
            hit = sorted(f"{name}/{index} {ending}\n" for (name, index), (ending, _) in ended.items() if ending != ANSWERED)
            file.writelines(hit)
    print(f"{len(ended)} messages of {given.calls} calls ({given.kind}) ended as the oracle says")


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"a call ended with {error.code().name}: {error.details()}")
    except Exception as error:  # Any exception is the reason why the run failed.
        sys.exit(f"{type(error).__name__}: {error}")
