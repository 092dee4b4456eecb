"""Shared by the experiments: servers and loads of their own, and the contents of a record.

The programs are named by the environment: SERVER, CLIENT, and GHZ and DELAY_LINE if they are available.
Servers listen on a free port of 127.0.0.1 and are ended through their own process.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import histogram

SERVER, CLIENT, GHZ, DELAY_LINE = (os.environ.get(name) for name in ("SERVER", "CLIENT", "GHZ", "DELAY_LINE"))
METHOD = "longsync.v1.LongSyncService/LongSync"
# The exit code of an experiment that cannot be done here.
SKIPPED = 77
# No single run takes longer.
PATIENCE = 90
FIRST_LINE = "longsync-server listening on http://"
MILLISECOND = 10**6
SECOND = 10**9


class Wrong(Exception):
    """A measurement differs from what was expected."""


def expect(holds, sentence):
    if not holds:
        raise Wrong(sentence)


def expect_close(value, truth, tolerance, what):
    """All three in ns."""
    expect(abs(value - truth) <= tolerance, f"{what} is {ms(value)}, not {ms(truth)} +- {ms(tolerance)}")


def skip(why):
    print(why, file=sys.stderr)
    sys.exit(SKIPPED)


def main(experiment):
    """Runs an experiment; a failure is reported in one line."""
    # A person who waits sees each figure as soon as it is measured.
    sys.stdout.reconfigure(line_buffering=True)
    try:
        experiment()
    except (Wrong, subprocess.TimeoutExpired) as wrong:
        sys.exit(str(wrong))


def ms(ns):
    return f"{ns / MILLISECOND:.3f} ms"


def shown(program, arguments):
    """A command as a reader would type it."""
    return f"$ {shlex.join([program, *arguments])}"


@dataclass
class Serving:
    """A running server, or a program in front of one."""

    address: str
    process: subprocess.Popen

    @property
    def url(self):
        return f"http://{self.address}"


@contextlib.contextmanager
def server(*flags, listen="127.0.0.1:0", core=None):
    """A new server, which ends with the block; pinned to a core, if one is given."""
    with started([*pinned(core), SERVER, "--listen", listen, "--log", "off", *flags]) as (line, process):
        expect(line.startswith(FIRST_LINE), f"the server's first line was {line!r}")
        yield Serving(line.removeprefix(FIRST_LINE), process)


@contextlib.contextmanager
def delay_line(address, milliseconds):
    """The server at the address, with its answers held back for the given time."""
    with started([DELAY_LINE, address, str(milliseconds)]) as (line, process):
        yield Serving(line, process)


@contextlib.contextmanager
def started(arguments):
    """A running program, and its first line."""
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def pinned(core):
    return [] if core is None else ["taskset", "-c", str(core)]


SPINNING = "while True: pass"


@contextlib.contextmanager
def busy(core, neighbors=1):
    """Programs that never sleep, on this core."""
    command = [*pinned(core), sys.executable, "-c", SPINNING]
    started = [subprocess.Popen(command) for _ in range(neighbors)]
    try:
        yield
    finally:
        for each in started:
            each.kill()
            each.wait()


# The share of all cores' time that must be idle, and how long to wait for that.
QUIET = 0.75
QUIET_SECONDS = 30


def needs_quiet():
    """Waits until other programs leave the processors idle, and skips the experiment if they do not."""
    for _ in range(QUIET_SECONDS):
        before = processor_time()
        time.sleep(1)
        idle, whole = (after - earlier for earlier, after in zip(before, processor_time()))
        if idle >= QUIET * whole:
            return
    skip(f"other programs keep the processors busy: they were idle for {100 * idle // whole} % of a second")


def processor_time():
    """The idle time and the total time of all cores, in ticks."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:]]
    return ticks[3], sum(ticks)


@dataclass
class Ran:
    """A load that has ended: its output, and its record."""

    text: str
    record: dict

    def percentile(self, figure, percentile):
        """In ns; None if it is beyond the longest good answer."""
        return self.placed(figure, percentile)["value_ns"]

    def beyond(self, figure, percentile):
        """The longest good answer, if the percentile is beyond it."""
        return self.placed(figure, percentile)["beyond_ns"]

    def shown(self, figure, percentile):
        """As in the report: `> ` and the longest good answer, if the percentile is beyond that."""
        value, beyond = self.percentile(figure, percentile), self.beyond(figure, percentile)
        return ms(value) if beyond is None else f"> {ms(beyond)}"

    def placed(self, figure, percentile):
        values = self.record["figures"][figure]
        expect(values is not None, f"nothing was measured of {figure}")
        return values["percentiles"][percentile]

    def counts(self, figure):
        """The number of values in each bucket."""
        return histogram.decoded(self.record["figures"][figure]["histogram"])

    def not_sent(self):
        return {why: count for why, count in self.record["counts"]["not_sent"].items() if count}

    def accounted(self):
        """Its counts, after checking that each call that was due is in one of them."""
        counts = self.record["counts"]
        whole = counts["ended"] + counts["unfinished"] + sum(counts["not_sent"].values())
        expect(counts["due"] == whole, f"calls are missing: {counts}")
        return counts

    @property
    def is_client_bound(self):
        return self.record["verdict"]["client_bound"]


class Load:
    """A running load: `with Load(url, "--rate", "1000") as load: ...; ran = load.ended()`."""

    def __init__(self, url, *flags, core=None, quiet=False):
        self.folder = tempfile.TemporaryDirectory()
        self.record = Path(self.folder.name) / "record.json"
        if not quiet:
            print(shown("longsync-client", ["load", *map(str, flags)]))
        self.process = subprocess.Popen(
            [*pinned(core), CLIENT, "load", "--url", url, *map(str, flags), "--record", self.record],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def ended(self, exit_code=0):
        text, complaints = self.process.communicate(timeout=PATIENCE)
        came = self.process.returncode
        expect(came == exit_code, f"the load ended with {came}, not {exit_code}: {complaints}{text}")
        return Ran(text, json.loads(self.record.read_text()))


def load(url, *flags, exit_code=0, core=None, quiet=False):
    """Runs a load to its end."""
    with Load(url, *flags, core=core, quiet=quiet) as running:
        return running.ended(exit_code)


class Ghz:
    """A running load of ghz: with 50 workers, its default, unless its flags say otherwise."""

    def __init__(self, address, *flags):
        flags = ["--insecure", "--call", METHOD, *map(str, flags)]
        print(shown("ghz", [*flags, "ADDRESS"]))
        self.process = subprocess.Popen(
            [GHZ, *flags, "--format", "csv", address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def calls(self):
        """(latency in ns, status) of each call, the fastest first; without the calls that it did not make."""
        text, complaints = self.process.communicate(timeout=PATIENCE)
        expect(self.process.returncode == 0, f"ghz: {complaints}")
        header, *lines = text.strip().splitlines()
        expect(header == "duration (ms),status,error", f"the CSV of ghz begins with {header!r}")
        split = (line.split(",") for line in lines)
        return sorted((round(float(latency) * MILLISECOND), status) for latency, status, *_ in split)


def rank(ordered, per_100_000):
    """The percentile as time.md defines it, in integers: 99,900 is p99.9. Not interpolated."""
    return ordered[-(-len(ordered) * per_100_000 // 100_000) - 1]
