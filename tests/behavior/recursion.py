#!/usr/bin/env python3
"""Compares how long real calls stood in a server's queue with the recursion that defines such a queue.

    recursion.py SERVER [--workers 1] [--limit 5000] [--threads 1] [--rate 150] [--calls 900]

Starts the server with `--log longsync_server::queue=debug`, so that it writes one line per arrival, and makes calls
that arrive as a Poisson process. Of the lines, only the moments of arrival and the services count: each call takes
the worker that becomes free first (for one worker, this is Lindley's recursion). The `queued` of every answer has to
be what results from that, to the nanosecond, and `planned` the service.
"""

import argparse
import asyncio
import heapq
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass

import calls
import wire

LISTENING = "longsync-server listening on http://"
QUEUE, CALL = "longsync_server::queue", "longsync_server::call"
FIELD = re.compile(r'(\w+)=("[^"]*"|\S+)')
# The server waits for its calls, of which there are none at that time.
ENDS_WITHIN = 30
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Arrival:
    """One line of the queue. Times are in ns."""

    ticket: int
    became: str
    received: int
    arrived: int
    service: int


def lines_of(log, target):
    """The fields of each line with this target, which stands between its level and its text."""
    for line in log.splitlines():
        _, found, text = line.partition(f" {target}: ")
        if found:
            yield {name: value.strip('"') for name, value in FIELD.findall(text)}


def arrivals_of(log):
    """By connection and request."""
    arrivals = {}
    for fields in lines_of(log, QUEUE):
        assert "left_ns" not in fields, f"a call left before its service had ended: {fields}"
        numbers = ("ticket", "received_ns", "arrived_ns", "service_ns")
        ticket, received, arrived, service = (int(fields[name]) for name in numbers)
        caller = fields["connection"], fields["request"]
        assert caller not in arrivals, f"two arrivals of request {caller}"
        arrivals[caller] = Arrival(ticket, fields["became"], received, arrived, service)
    return arrivals


def starts_of(arrivals, workers):
    """When the service of each begins, by ticket."""
    free, starts = [0] * workers, {}
    for arrival in sorted(arrivals, key=lambda arrival: arrival.ticket):
        start = max(arrival.arrived, free[0])
        heapq.heapreplace(free, start + arrival.service)
        starts[arrival.ticket] = start
    return starts


async def poisson(address, given):
    """The Timing of each call, by its call id."""
    gaps, loop = random.Random(given.seed), asyncio.get_running_loop()

    async def answered(connection, name):
        answer = await connection.unary(wire.request(name), timeout=calls.PATIENCE)
        return name, wire.timing(wire.fields_of(answer))

    async with calls.connections(address, given.connections) as opened:
        await asyncio.gather(*(connection.channel.channel_ready() for connection in opened))
        due, sent = loop.time(), []
        for number in range(given.calls):
            due += gaps.expovariate(given.rate)
            await asyncio.sleep(due - loop.time())
            sent.append(asyncio.create_task(answered(opened[number % len(opened)], f"c-{number}")))
        return dict(await asyncio.gather(*sent))


def served(given):
    """The Timing of each call by its call id, and the log of a server of its own."""
    behavior = f"exponential(5ms); queue(workers={given.workers}, limit={given.limit})"
    command = [given.server, "--behavior", behavior, "--seed", str(given.seed), "--port", "0"]
    command += ["--workers", str(given.threads), "--log", f"{QUEUE}=debug,{CALL}=debug"]
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            first = server.stdout.readline().strip()
            assert first.startswith(LISTENING), f"the server's first line was {first!r}"
            timings = asyncio.run(poisson(first.removeprefix(LISTENING), given))
            server.send_signal(signal.SIGTERM)
            assert server.wait(ENDS_WITHIN) == 0, f"the server ended with {server.returncode}"
        finally:
            server.kill()
            server.wait()
        log.seek(0)
        return timings, log.read()


def differences(timings, log, given):
    arrivals = arrivals_of(log)
    callers = {fields["call_id"]: (fields["connection"], fields["request"]) for fields in lines_of(log, CALL)}
    ordered = sorted(arrivals.values(), key=lambda arrival: arrival.ticket)
    if [arrival.ticket for arrival in ordered] != list(range(given.calls)):
        yield f"{len(ordered)} lines of arrivals instead of one for each of {given.calls} calls"
        return
    for one, other in zip(ordered, ordered[1:]):
        if other.arrived < one.arrived:
            yield f"ticket {other.ticket} arrived before ticket {one.ticket}"
    starts, stood = starts_of(ordered, given.workers), 0
    for name, timing in timings.items():
        arrival = arrivals[callers[name]]
        start = starts[arrival.ticket]
        expected = start - arrival.received
        stood += start > arrival.arrived
        if timing.queued != expected:
            yield f"{name} was queued for {timing.queued} ns instead of {expected} ns"
        if timing.planned != arrival.service:
            yield f"{name} was planned to take {timing.planned} ns instead of {arrival.service} ns"
        if arrival.arrived < arrival.received:
            yield f"{name} arrived {arrival.received - arrival.arrived} ns before it was received"
        if (arrival.became == "standing") != (start > arrival.arrived):
            yield f"{name} is said to be {arrival.became}, but its service began {start - arrival.arrived} ns later"
    threads = Counter(timing.worker for timing in timings.values())
    late = sum(arrival.arrived > arrival.received for arrival in ordered)
    print(f"{stood} of {given.calls} calls stood; {late} count as having arrived later than they were received")
    # In theory, 44 % or more do in the cases of `run`.
    if stood < given.calls // 4:
        yield f"only {stood} calls stood"
    if len(threads) != given.threads:
        yield f"calls were served by {len(threads)} threads instead of {given.threads}"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("server", help="the server's program")
    parser.add_argument("--workers", type=int, default=1, help="the workers of the queue")
    parser.add_argument("--limit", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=1, help="the threads of the server")
    parser.add_argument("--rate", type=float, default=150, help="calls per second")
    parser.add_argument("--calls", type=int, default=900)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seed", type=int, default=42)
    return parser.parse_args()


def main():
    given = arguments()
    wrong = list(differences(*served(given), given))
    for sentence in wrong[:SHOWN]:
        print(sentence, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} differences from the recursion")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # Any exception is the reason why the run failed.
        sys.exit(f"{type(error).__name__}: {error}")
