"""One task per call: all wait at once, on one thread. HTTP/1.1 needs one connection per call."""

import asyncio
import os
import time

import aiohttp

URL = os.environ.get("LONGSYNC_URL", "http://127.0.0.1:9000") + "/long_sync?delay=250ms"


async def main():
    start = time.perf_counter()

    async def call(number):
        async with session.get(URL) as answer:
            print(f"{number}: {await answer.text()} after {time.perf_counter() - start:.3f}s")

    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await asyncio.gather(*(call(number) for number in range(8)))
    print(f"8 tasks, each with its own connection: {time.perf_counter() - start:.3f}s")


asyncio.run(main())
