"""A deadline travels with the call: the server knows it too, and stops waiting."""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import grpc

ADDRESS = os.environ.get("LONGSYNC_URL", "http://127.0.0.1:9000").removeprefix("http://")
sys.path.append(str(Path(__file__).resolve().parents[3] / "proto"))  # The contract.
messages, services = grpc.protos_and_services("longsync/v1/longsync.proto")

start = time.perf_counter()
with grpc.insecure_channel(ADDRESS) as channel:
    stub = services.LongSyncServiceStub(channel)
    try:
        stub.LongSync(messages.LongSyncRequest(delay=timedelta(seconds=2)), timeout=0.2)
    except grpc.RpcError as error:
        print(f"{error.code().name} ({error.details()}) after {time.perf_counter() - start:.3f}s")
