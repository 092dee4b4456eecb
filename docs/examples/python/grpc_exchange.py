"""A single call with 8 messages: their answers overtake one another and are matched by id."""

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


def request(id):
    return messages.LongSyncExchangeRequest(id=id, delay=timedelta(milliseconds=400 - 50 * id))


async def main():
    start = time.perf_counter()
    async with grpc.aio.insecure_channel(ADDRESS) as channel:
        stub = services.LongSyncServiceStub(channel)
        async for answer in stub.LongSyncExchange(map(request, range(8))):
            print(f"{answer.id}: {answer.message} after {time.perf_counter() - start:.3f}s")
    print(f"8 messages in one call: {time.perf_counter() - start:.3f}s")


asyncio.run(main())
