"""The cases of requests: `/long_sync` from threads, each with a connection of its own."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from lib import Counters, run_case

ADDR = os.environ["ADDR"]
COUNTERS = Counters(ADDR)
RPC = "GET /long_sync"
# No call may hang a case: much longer than any of them takes.
PATIENCE = 15


def long_sync(delay, timeout=PATIENCE, get=requests.get):
    answer = get(f"http://{ADDR}/long_sync", params={"delay": delay}, timeout=timeout)
    assert answer.status_code == 200, answer.status_code
    return answer.text


def case_eight_threads_at_once():
    delay, count = 1, 8
    with ThreadPoolExecutor(count) as threads, COUNTERS.expect(RPC, answered=count):
        start = time.monotonic()
        calls = [threads.submit(long_sync, f"{delay}s") for _ in range(count)]
        COUNTERS.until_in_flight(count)
        assert [call.result() for call in calls] == ["Done!"] * count
        took = time.monotonic() - start
    assert delay <= took < count / 2 * delay, f"{count} calls of {delay} s took {took:.3f} s"


def case_one_connection_for_calls_in_turn():
    with requests.Session() as session, COUNTERS.expect(RPC, answered=3):
        for _ in range(3):
            assert long_sync("20ms", get=session.get) == "Done!"
        pools = session.get_adapter("http://").poolmanager.pools
        opened = [pools[key].num_connections for key in pools.keys()]
        assert opened == [1], f"3 calls in turn opened {opened} connections"


def case_timeout():
    with COUNTERS.expect(RPC, cancelled=1):
        try:
            long_sync("20s", timeout=0.5)
        except requests.exceptions.ReadTimeout:
            return
        raise AssertionError("the call was answered")


run_case(globals())
