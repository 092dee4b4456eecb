#!/usr/bin/env python3
"""Makes calls to a running longsync-server whose behavior has faults, and checks which of them fail, and how,
against the oracle.

    failing.py ADDR TEXT --seed N [--calls 20000] [--connections 1] [--kind unary]

Exactly the calls that the oracle names have to be hit, each by the clause that it names; how many there are
of each clause has to be where 99.9 % of all runs have it; and every delay that is reported, also by a call
that failed, has to be the oracle's. The clauses may be `fail`, `reset` and `hang`; the text may also have
none, which shows that the same names have the same delays without them.
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
from faults import OF_MESSAGES
from oracle import fault, planned

# A call that hangs is given up after this many seconds; all others have ended long before.
PATIENCE = 2
SHOWN = 5
# The message of a `fail` that has none of its own.
PLANNED = "planned by longsync"
# What grpcio says of a stream that was reset, and of one that was while a message was being written.
STREAM_ENDED = ("RST_STREAM", "Internal error from Core")
ANSWERED, HUNG, RESET = "answered", "hang", "reset"


async def unary(connection, name, _count):
    """How each message of the call ended, and the delay that was planned for it, if the server reports it."""
    try:
        answer = await connection.unary(wire.request(name), timeout=PATIENCE)
    except grpc.aio.AioRpcError as error:
        return [(0, ending_of(error), planned_of(error))]
    return [(0, ANSWERED, wire.timing(wire.fields_of(answer)).planned)]


def ending_of(error):
    """The name of the clause with which a call ended."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return HUNG
    if "RST_STREAM" in (error.details() or ""):
        return RESET
    assert error.details() == PLANNED, f"a call ended with {error.code().name}: {error.details()}"
    return f"fail {error.code().name}"


def planned_of(error):
    """The planned delay in the status of a call that failed, if it has one."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    return wire.timing_of_status(details).planned if details else None


async def exchange(connection, name, count):
    call = connection.exchange(timeout=PATIENCE * 10)
    ended = {}
    # A stream that is reset may take no more messages. How it ended is asked below.
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        for index in range(count):
            await call.write(wire.request(name if index == 0 else None, id=index))
        await call.done_writing()
        async for answer in call:
            fields = wire.fields_of(answer)
            index = fields.get(wire.ANSWER_ID, 0)
            assert index < count and index not in ended, f"{name} had an unexpected answer {index}"
            code = wire.fields_of(fields.get(wire.FAILURE, b"")).get(1)
            ending = ANSWERED if code is None else f"fail {code_name(code)}"
            ended[index] = (index, ending, wire.timing(fields).planned)
    code, details = await call.code(), await call.details()
    if code is not grpc.StatusCode.OK:
        assert any(said in (details or "") for said in STREAM_ENDED), f"{name} ended with {code.name}: {details}"
        assert not ended, f"{name} was reset after {len(ended)} answers"
        return [(index, RESET, None) for index in range(count)]
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


def clause_of(given, name, index):
    """The clause that hits a message: its own, unless one hits the entire exchange, which is that of the first."""
    first = fault(given.text, given.seed, name, 1, 0)
    return first if is_of_call(given, first) else fault(given.text, given.seed, name, 1, index)


def is_of_call(given, clause):
    return given.kind == "exchange" and clause is not None and clause.partition("(")[0] not in OF_MESSAGES


def expected_of(clause):
    """How a message ends that this clause hits."""
    if clause is None:
        return ANSWERED
    kind, arguments = re.fullmatch(r"(\w+)\((.*)\)", clause).groups()
    return f"fail {arguments.split(', ')[1]}" if kind == "fail" else kind


def differences(given, ended):
    for (name, index), (ending, delay) in ended.items():
        clause = clause_of(given, name, index)
        if ending != expected_of(clause):
            yield f"message {index} of {name}: {ending} instead of {clause or ANSWERED}"
        drawn = planned(given.text, given.seed, name, 1, index)
        if delay is not None and delay != drawn:
            yield f"message {index} of {name}: planned is {delay} ns instead of {drawn} ns"


def shares(given, ended):
    """Whether as many messages drew each clause as in 99.9 % of all runs."""
    hit = Counter(fault(given.text, given.seed, name, 1, index) for name, index in ended)
    for clause in given.text.split("; "):
        if not (share := re.match(r"\w+\(([\d.]+)%", clause)):
            continue
        # An exchange draws it once.
        drawn = given.calls if is_of_call(given, clause) else len(ended)
        p, count = float(Fraction(share[1]) / 100), hit[clause]
        above, below = ranks.at_least(drawn, count, p), 1 - ranks.at_least(drawn, count + 1, p)
        print(f"{clause}: {count} of {drawn}")
        if above < ranks.OUTSIDE or below < ranks.OUTSIDE:
            yield f"{clause} hit {count} of {drawn}"


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
    parser.add_argument("--planned", help="a file: each delay that was reported, to compare with other runs")
    return parser.parse_args()


def write(path, lines):
    with open(path, "w", encoding="ascii") as file:
        file.writelines(sorted(lines))


def main():
    given = arguments()
    ended = asyncio.run(made(given))
    wrong = [*differences(given, ended), *shares(given, ended)]
    for sentence in wrong[:SHOWN]:
        print(sentence, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} differences from {given.text!r} with seed {given.seed}")
    messages = [(f"{name}/{index}", ending, delay) for (name, index), (ending, delay) in ended.items()]
    if given.hit:
        write(given.hit, (f"{name} {ending}\n" for name, ending, _ in messages if ending != ANSWERED))
    if given.planned:
        write(given.planned, (f"{name} {delay}\n" for name, _, delay in messages if delay is not None))
    print(f"{len(ended)} messages of {given.calls} calls ({given.kind}) ended as the oracle says")


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"a call ended with {error.code().name}: {error.details()}")
    except Exception as error:  # Any exception is the reason why the run failed.
        sys.exit(f"{type(error).__name__}: {error}")
