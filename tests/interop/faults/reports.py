"""Lets a client call a server per fault, and compares what it reports with docs/faults.md.

A client is a program that takes calls as arguments, each `RPC@ADDRESS`, makes them one after the other with
a deadline of 2 s and the call id `fault`, and prints a line of JSON per call: the number of its `answers`, its
`code` and its `message`. A stream asks for three answers. No call asks for a delay: that would replace the
server's fault."""

import contextlib
import json
import subprocess

import table
from grpcio_lib import server_of_its_own
from lib import Counters, until

# Every server's delay, so that a fault comes when an answer is due.
DELAY = "10ms"
# The message of a `fail` that has none of its own.
PLANNED = "planned by longsync"
# The time limit of all calls together.
SECONDS = 25


def faults(client, command, only=None):
    """Compares what `command` reports. `only` are the RPCs that the client can call."""
    with contextlib.ExitStack() as servers:
        rows = table.rows()
        addresses = [servers.enter_context(server_with(row.fault)) for row in rows]
        calls = [
            f"{row.rpc}@{address}"
            for row, address in zip(rows, addresses, strict=True)
            if only is None or row.rpc in only
        ]
        said = iter(reported(command, calls))
        found = []
        for row, address in zip(rows, addresses, strict=True):
            if only is not None and row.rpc not in only:
                found.append(None)
                continue
            found.append(entry(row, next(said), calls_of(row.rpc, address)))
    table.check(client, found)


@contextlib.contextmanager
def server_with(fault):
    with server_of_its_own("--behavior", f"{DELAY}; {fault}", "--seed", "42") as (_, address):
        yield address


def reported(command, arguments, lines=None):
    """The lines of JSON that a client prints: one per argument, unless another number is given."""
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, f"exit code {ended.returncode}: {ended.stdout} {ended.stderr}"
    said = [json.loads(line) for line in ended.stdout.splitlines()]
    expected = len(arguments) if lines is None else lines
    assert len(said) == expected, f"{len(said)} reports instead of {expected}: {ended.stdout} {ended.stderr}"
    return said


def calls_of(rpc, address):
    """How many calls the server saw: a client may make one again by itself."""
    counters = Counters(address)
    until("calls in flight", counters.in_flight, 0)
    return counters.value(f'longsync_calls_started_total{{rpc="{rpc}"}}')


def entry(row, said, calls):
    """The cell of the first table, and the message of the second one."""
    code = table.constant(said["code"])
    cell = f"`{code}`"
    if row.rpc == "LongSyncStream":
        cell = f"{said['answers']} answers, {cell}"
    if calls != 1:
        cell += f", {calls} calls"
    message = table.steady(said["message"])
    # The message of a client's own deadline contains figures of the run.
    is_common = code in ("OK", "DEADLINE_EXCEEDED") or message == PLANNED or f'"{message}"' in row.fault
    return cell, None if is_common else message
