"""One task per call: all wait at once, on one thread and one connection."""

import asyncio
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import grpc

ADDRESS = os.environ.get("LONGSYNC_URL", "http://127.0.0.1:9000").removeprefix("http://")
sys.path.append(str(Path(__file__).resolve().parents[3] / "proto"))  # The contract.
messages, services = grpc.protos_and_services("longsync/v1/longsync.proto")


async def main():
    start = time.perf_counter()

    async def call(number):
        answer = await stub.LongSync(messages.LongSyncRequest(delay=timedelta(milliseconds=250)))
        print(f"{number}: {answer.message} after {time.perf_counter() - start:.3f}s")

    async with grpc.aio.insecure_channel(ADDRESS) as channel:
        stub = services.LongSyncServiceStub(channel)
        await asyncio.gather(*(call(number) for number in range(8)))
    print(f"8 tasks on one connection: {time.perf_counter() - start:.3f}s")


asyncio.run(main())
