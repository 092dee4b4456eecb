"""One call after another: async makes nothing faster if each call is awaited before the next."""

import asyncio
import os
import time

import aiohttp

URL = os.environ.get("LONGSYNC_URL", "http://127.0.0.1:9000") + "/long_sync?delay=250ms"


async def main():
    start = time.perf_counter()
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for call in range(8):
            async with session.get(URL) as answer:
                print(f"{call}: {await answer.text()} after {time.perf_counter() - start:.3f}s")
    print(f"8 calls one after another: {time.perf_counter() - start:.3f}s")


asyncio.run(main())
