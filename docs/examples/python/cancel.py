"""A cancelled task ends at once; over HTTP/1.1, that closes its connection."""

import asyncio
import os
import time

import aiohttp

URL = os.environ.get("LONGSYNC_URL", "http://127.0.0.1:9000") + "/long_sync?delay=5s"


async def main():
    start = time.perf_counter()

    async def call():
        async with session.get(URL) as answer:
            return await answer.text()

    async with aiohttp.ClientSession(raise_for_status=True) as session:
        tasks = [asyncio.create_task(call()) for _ in range(8)]
        await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    print(f"8 calls of 5 s, cancelled: {time.perf_counter() - start:.3f}s")


asyncio.run(main())
