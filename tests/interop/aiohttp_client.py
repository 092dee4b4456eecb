"""The cases of aiohttp: `/long_sync` from tasks of one thread, over HTTP/1.1."""

import asyncio
import os
import time

import aiohttp
from lib import Counters, run_case

ADDR = os.environ["ADDR"]
COUNTERS = Counters(ADDR)
RPC = "GET /long_sync"
# No call may hang a case: much longer than any of them takes.
PATIENCE = aiohttp.ClientTimeout(total=15)


async def long_sync(session, delay, **options):
    async with session.get(f"http://{ADDR}/long_sync", params={"delay": delay}, **options) as answer:
        assert answer.status == 200, answer.status
        return await answer.text()


async def until_in_flight(expected):
    # In another thread: blocking this one would delay the tasks.
    await asyncio.to_thread(COUNTERS.until_in_flight, expected)


async def case_two_gets_in_the_time_of_one():
    delay = 2
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        with COUNTERS.expect(RPC, answered=2):
            start = time.monotonic()
            tasks = [asyncio.create_task(long_sync(session, f"{delay}s")) for _ in range(2)]
            await until_in_flight(2)
            assert await asyncio.gather(*tasks) == ["Done!", "Done!"]
            took = time.monotonic() - start
    assert delay <= took < 2 * delay, f"2 calls of {delay} s took {took:.3f} s"


async def case_cancelled_task():
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        with COUNTERS.expect(RPC, cancelled=1):
            task = asyncio.create_task(long_sync(session, "20s"))
            await until_in_flight(1)
            task.cancel()
            ended = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended[0], asyncio.CancelledError), ended
            await until_in_flight(0)


async def case_timeout():
    async with aiohttp.ClientSession() as session:
        with COUNTERS.expect(RPC, cancelled=1):
            try:
                await long_sync(session, "20s", timeout=aiohttp.ClientTimeout(total=0.5))
                raise AssertionError("the call was answered")
            except asyncio.TimeoutError:
                await until_in_flight(0)


run_case(globals())
