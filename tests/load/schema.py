#!/usr/bin/env python3
"""Records conform to docs/schemas/longsync.load.v1.json, according to PyPI's `jsonschema`.

The records of a closed loop, of an open loop with thresholds, of one in which calls fail, are not sent and
are unfinished, of one that a rule ended, of one that was interrupted, and of one whose server was lost. A
record with a wrong unit, a missing key or an extra key has to be refused, or the schema checks nothing.
"""

import contextlib
import copy
import json
import signal
import time
import urllib.request
from pathlib import Path

import jsonschema
import lab
from lab import expect

SCHEMA = Path(__file__).resolve().parents[2] / "docs/schemas/longsync.load.v1.json"
NOT_SENT_IN_TIME = ("--rate", "300", "-z", "2s", "-t", "40ms", "--max-in-flight", "10", "--grace", "100ms")


def records(url):
    """(description, record) of each run."""
    yield "closed", lab.load(url, "-c", 8, "-n", 500, "--name", "first", "--tag", "commit=1a2b3c")
    open_loop = ("--schedule", "line(from=100/s, to=500/s, in=2s)", "--behavior", "2ms", "--arrivals", "poisson")
    judged = ("--threshold", "p99<10s", "--threshold", "errors<1%", "--threshold", "rate>1")
    yield "open", lab.load(url, *open_loop, *judged)
    yield "failing", lab.load(url, *NOT_SENT_IN_TIME, "--behavior", "mix(50%: 1ms, rest: 80ms)")
    unfinished = ("--rate", "100", "-n", 20, "--delay", "5s", "--grace", "50ms")
    yield "unfinished", lab.load(url, *unfinished, exit_code=1)
    ended = ("--rate", "1000", "-z", "30s", "--delay", "2ms", "--stop-when", "p99>1us")
    yield "ended by a rule", lab.load(url, *ended, exit_code=99)
    with under_way() as (_, running):
        running.process.send_signal(signal.SIGINT)
        yield "interrupted", running.ended(exit_code=130)
    with under_way() as (server, running):
        server.process.kill()
        yield "lost", running.ended(exit_code=1)


@contextlib.contextmanager
def under_way():
    """A server of its own, and a load in which calls have been answered: before that there is nothing to
    record."""
    flags = ("-c", 4, "-z", "60s", "--grace", "500ms", "--warm-up", "100ms")
    with lab.server("--delay", "10ms") as server, lab.Load(server.url, *flags) as running:
        patience = time.monotonic() + lab.PATIENCE
        while answered(server.url) < 100:
            expect(time.monotonic() < patience, "no calls arrived")
            time.sleep(0.02)
        yield server, running


def answered(url):
    page = urllib.request.urlopen(f"{url}/metrics", timeout=lab.PATIENCE).read().decode()
    name = 'longsync_calls_ended_total{rpc="LongSync",outcome="answered"}'
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))


def mutilated(record):
    """(what is wrong with it, record)"""
    for what, change in (
        ("a time that is not an integer", lambda it: it.update(recorded_ns=1.5)),
        ("a negative time", lambda it: it.update(took_ns=-1)),
        ("no counts", lambda it: it.pop("counts")),
        ("another schema", lambda it: it.update(schema="longsync.load/v2")),
        ("a key of its own", lambda it: it["counts"].update(guessed=1)),
    ):
        changed = copy.deepcopy(record)
        change(changed)
        yield what, changed


def schema():
    said = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(said)
    validator = jsonschema.Draft202012Validator(said, format_checker=jsonschema.FormatChecker())
    with lab.server("--delay", "5ms") as server:
        for what, ran in records(server.url):
            wrong = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(ran.record)]
            expect(not wrong, f"the record of a load that is {what}: {wrong[:3]}")
            print(f"    {what}: {ran.record['end']['why']}, valid")
    for what, record in mutilated(ran.record):
        expect(not validator.is_valid(record), f"a record with {what} passes")


if __name__ == "__main__":
    lab.main(schema)
