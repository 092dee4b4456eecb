"""One thread per call: all wait at once, at the cost of 8 threads."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import requests

URL = os.environ.get("LONGSYNC_URL", "http://127.0.0.1:9000") + "/long_sync?delay=250ms"


def call(_):
    answer = requests.get(URL)
    answer.raise_for_status()
    return answer.text


start = time.perf_counter()
with ThreadPoolExecutor(8) as threads:
    for number, text in enumerate(threads.map(call, range(8))):
        print(f"{number}: {text} after {time.perf_counter() - start:.3f}s")
print(f"8 threads, each with its own connection: {time.perf_counter() - start:.3f}s")
