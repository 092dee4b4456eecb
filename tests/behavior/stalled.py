#!/usr/bin/env python3
"""Makes unary calls on a schedule to a new server that stalls after its first call, and checks how long each
was queued against the window.

    stalled.py ADDR --at 1s --for 1s [--calls 3000] [--rate 1000] [--connections 4]

A call that is received inside the window has to be queued until the window ends, and any other call not at
all, to within 1 ms.
"""

import argparse
import asyncio
import sys

import calls
import wire
from oracle import duration

TOLERANCE = 10**6
SHOWN = 5


def shown(ns):
    return f"{ns / 1e6:.3f} ms"


async def scheduled(given):
    """The Timing of each call. The calls are sent at equal intervals, whatever happened to those before."""
    loop = asyncio.get_running_loop()
    request = wire.request()

    async def answered(connection):
        answer = await connection.unary(request, timeout=calls.PATIENCE)
        return wire.timing(wire.fields_of(answer))

    async with calls.connections(given.address, given.connections) as opened:
        await asyncio.gather(*(connection.channel.channel_ready() for connection in opened))
        start, sent = loop.time(), []
        for number in range(given.calls):
            await asyncio.sleep(start + number / given.rate - loop.time())
            sent.append(asyncio.create_task(answered(opened[number % len(opened)])))
        return await asyncio.gather(*sent)


def is_right(queued, received, given):
    """Whether a call that was received this long after the first may have been queued for that long."""
    end = given.at + given.length
    if queued == 0:
        return received <= given.at + TOLERANCE or received >= end - TOLERANCE
    return given.at - TOLERANCE <= received and abs(end - queued - received) <= TOLERANCE


def check(answers, given):
    first = min(timing.received for timing in answers)
    inside = 0
    for timing in answers:
        received = timing.received - first
        inside += timing.queued > 0
        if not is_right(timing.queued, received, given):
            yield f"a call received {shown(received)} after the first was queued for {shown(timing.queued)}"
        if timing.waited < timing.queued + timing.planned:
            yield f"a call waited {shown(timing.waited)}, less than queued and planned together"
    print(f"{inside} of {len(answers)} calls were queued")
    least = given.length * given.rate // 10**9 // 2
    if inside < least:
        yield f"only {inside} calls were queued instead of at least {least}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("address", help="the server's HOST:PORT")
    parser.add_argument("--at", type=duration, required=True, help="when the window begins")
    parser.add_argument("--for", type=duration, required=True, dest="length", help="how long it is")
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rate", type=int, default=1000, help="calls per second")
    parser.add_argument("--connections", type=int, default=4)
    return parser.parse_args()


def main():
    given = arguments()
    wrong = list(check(asyncio.run(scheduled(given)), given))
    for sentence in wrong[:SHOWN]:
        print(sentence, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} differences from the stall")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # Any exception is the reason why the run failed.
        sys.exit(f"{type(error).__name__}: {error}")
