"""Calls of every kind over real connections, with grpcio and without generated code."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

import grpc
import wire

SERVICE = "/longsync.v1.LongSyncService/"
PREVIOUS_ATTEMPTS = "grpc-previous-rpc-attempts"
# No call may hang: much longer than any of them takes.
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, with the draws (name, attempt, index) whose sum is its `planned`, and those of the same
    call that were due before them. `service` is the time from sending the request to reading the answer, in
    ns."""

    draws: tuple
    before: tuple
    timing: wire.Timing
    service: int


class Connection:
    """One connection: a channel that shares no connection with others."""

    def __init__(self, address):
        options = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", 0),
            # With retries, gRPC counts the attempts itself and removes our count from the headers.
            ("grpc.enable_retries", 0),
        ]
        self.channel = grpc.aio.insecure_channel(address, options)
        self.unary = self.channel.unary_unary(SERVICE + "LongSync")
        self.stream = self.channel.unary_stream(SERVICE + "LongSyncStream")
        self.collect = self.channel.stream_unary(SERVICE + "LongSyncCollect")
        self.exchange = self.channel.stream_stream(SERVICE + "LongSyncExchange")


def metadata(attempt):
    """The header that a client sends when it retries; none on a first attempt."""
    return [(PREVIOUS_ATTEMPTS, str(attempt - 1))] if attempt > 1 else None


async def unary(connection, name, attempt, _count):
    """`name` is a call id, or the numbers that identify a call without one."""
    request = wire.request(name if isinstance(name, str) else None)
    sent = time.monotonic_ns()
    answer = await connection.unary(request, metadata=metadata(attempt), timeout=PATIENCE)
    service = time.monotonic_ns() - sent
    return [Answer(((name, attempt, 0),), (), wire.timing(wire.fields_of(answer)), service)]


async def stream(connection, name, attempt, count):
    draws = tuple((name, attempt, index) for index in range(count))
    answers = []
    sent = time.monotonic_ns()
    call = connection.stream(
        wire.request(name, count=count), metadata=metadata(attempt), timeout=PATIENCE
    )
    async for answer in call:
        service = time.monotonic_ns() - sent
        fields = wire.fields_of(answer)
        place = len(answers)
        index = fields.get(wire.INDEX, 0)
        assert index == place, f"answer {place} of {name} has the index {index}"
        answers.append(Answer(draws[place : place + 1], draws[:place], wire.timing(fields), service))
    assert len(answers) == count, f"{name} had {len(answers)} answers instead of {count}"
    return answers


def own_name(name, index):
    """Every third message of a call has a call id of its own; the others are drawn under the first one's."""
    return f"{name}.{index}" if index % 3 == 2 else name


def messages(name, count):
    for index in range(count):
        own = own_name(name, index)
        yield wire.request(None if index and own == name else own, id=index)


async def collect(connection, name, attempt, count):
    draws = tuple((own_name(name, index), attempt, index) for index in range(count))
    sent = time.monotonic_ns()
    call = connection.collect(messages(name, count), metadata=metadata(attempt), timeout=PATIENCE)
    fields = wire.fields_of(await call)
    service = time.monotonic_ns() - sent
    counted = fields.get(wire.COUNT, 0)
    assert counted == count, f"the answer to {name} counts {counted} requests instead of {count}"
    return [Answer(draws, (), wire.timing(fields), service)]


async def exchange(connection, name, attempt, count):
    call = connection.exchange(metadata=metadata(attempt), timeout=PATIENCE)
    sent, answers = [], {}
    for message in messages(name, count):
        sent.append(time.monotonic_ns())
        await call.write(message)
    await call.done_writing()
    async for answer in call:
        read = time.monotonic_ns()
        fields = wire.fields_of(answer)
        index = fields.get(wire.ANSWER_ID, 0)
        assert wire.FAILURE not in fields, f"message {index} of {name} failed: {fields[wire.FAILURE]!r}"
        assert index < count and index not in answers, f"{name} had an unexpected answer {index}"
        draw = (own_name(name, index), attempt, index)
        answers[index] = Answer((draw,), (), wire.timing(fields), read - sent[index])
    assert len(answers) == count, f"{name} had {len(answers)} answers instead of {count}"
    return answers.values()


KINDS = {"unary": unary, "stream": stream, "collect": collect, "exchange": exchange}


@contextlib.asynccontextmanager
async def connections(address, count):
    opened = [Connection(address) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            await connection.channel.close()


async def named(address, plan):
    """Makes the calls `c-0`, `c-1`, ... on all connections in turn, a bounded number at a time; call i is
    attempt 1 + i mod `plan.attempts`."""
    numbers = iter(range(plan.calls))
    answers = []

    async def one_at_a_time(opened):
        for number in numbers:
            connection = opened[number % len(opened)]
            attempt = 1 + number % plan.attempts
            answers.extend(await KINDS[plan.kind](connection, f"c-{number}", attempt, plan.count))

    async with connections(address, plan.connections) as opened:
        await asyncio.gather(*(one_at_a_time(opened) for _ in range(plan.in_flight)))
    return answers


async def unnamed(address, plan):
    """Unary calls without call ids, one at a time, on one connection after the other, so that their numbers
    are known. The server must be a new one."""
    answers = []
    async with connections(address, plan.connections) as opened:
        for number in range(plan.calls):
            place, request = divmod(number, -(-plan.calls // plan.connections))
            attempt = 1 + number % plan.attempts
            answers += await unary(opened[place], (place, request), attempt, 1)
    return answers


def made(address, plan):
    """All answers to the calls of a plan, which has a kind, calls, connections, in_flight, count and
    attempts."""
    return asyncio.run((unnamed if plan.kind == "unnamed" else named)(address, plan))
