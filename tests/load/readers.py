#!/usr/bin/env python3
"""HdrHistogram's own readers find the run's measurements in the interval log and in the record.

Python's `hdrhistogram` and JavaScript's `hdr-histogram-js` read the log of an open and of a closed loop:
their bucket counts have to be equal, tag by tag and second by second, equal to those in the record, and have
to add up to the record's histograms of the entire run. Python's reader also reads those of the record.
"""

import collections
import json
import os
import subprocess
import tempfile
from pathlib import Path

import histogram
import lab
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from lab import expect

NODE_READER = Path(__file__).resolve().parent / "readers.js"
DAY = 24 * 3600 * lab.SECOND
RUNS = (
    ("response_time", ("--rate", "1500", "-z", "3s")),
    ("service_time", ("-c", "20", "-z", "3s", "-t", "30ms")),
)
UNTAGGED = "-"


def buckets(read):
    """index -> count, of a histogram of Python's library."""
    indexes = range(read.counts_len)
    counts = ((index, read.get_count_at_index(index)) for index in indexes)
    return collections.Counter({index: count for index, count in counts if count})


def of_python(path):
    """(second, tag) -> bucket counts."""
    reader = HistogramLogReader(str(path), HdrHistogram(1, DAY, 3))
    found = {}
    while (read := reader.get_next_interval_histogram()) is not None:
        key = number_of(read.get_start_time_stamp()), read.get_tag() or UNTAGGED
        expect(key not in found, f"the log has {key} twice")
        found[key] = buckets(read)
    return numbered(found)


def of_javascript(path):
    said = subprocess.run(["node", NODE_READER, path], capture_output=True, text=True, timeout=lab.PATIENCE)
    expect(said.returncode == 0, f"hdr-histogram-js: {said.stderr}")
    found = {}
    for line in said.stdout.splitlines():
        start, tag, counts = json.loads(line)
        found[number_of(start), tag] = collections.Counter({index: count for index, count in counts})
    return numbered(found)


def number_of(start_ms):
    """Readers report the start of an interval in ms as floating-point numbers."""
    return round(start_ms)


def numbered(found):
    """The same, keyed by the number of the interval instead of its start."""
    starts = sorted({start for start, _ in found})
    return {(starts.index(start), tag): counts for (start, tag), counts in found.items() if counts}


def of_record(ran, untagged):
    found = {}
    for number, interval in enumerate(ran.record["intervals"]):
        for figure, values in interval["histograms"].items():
            if values["histogram"]:
                tag = UNTAGGED if figure == untagged else figure
                found[number, tag] = histogram.decoded(values["histogram"])
    return found


def sums(found, untagged):
    """Each figure's bucket counts, summed over all intervals."""
    whole = collections.defaultdict(collections.Counter)
    for (_, tag), counts in found.items():
        whole[untagged if tag == UNTAGGED else tag].update(counts)
    return whole


def same(found, expected, what):
    differ = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    expect(not differ, f"{what}: {differ[:5]} differ")


def read(untagged, flags):
    with lab.server("--behavior", "lognormal(p50=5ms, p99=50ms)") as server, tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "run.hlog"
        ran = lab.load(server.url, *flags, "--hdr", log, quiet=True)
        by_python, by_javascript = of_python(log), of_javascript(log)
    recorded = of_record(ran, untagged)
    same(by_python, recorded, "what Python reads in the log, and the record's intervals")
    same(by_javascript, by_python, "what JavaScript and Python read in the log")
    whole = {name: values for name, values in ran.record["figures"].items() if values}
    by_library = {name: buckets(HdrHistogram.decode(values["histogram"])) for name, values in whole.items()}
    same({name: ran.counts(name) for name in whole}, by_library, "what we and Python read in the record")
    same(sums(by_python, untagged), by_library, "the sum of the intervals, and the entire run")
    calls = sum(by_library[untagged].values())
    print(f"    {' '.join(flags)}: {len(recorded)} histograms of {len(whole)} figures, {calls:,} values of {untagged}")


def readers():
    expect(os.environ.get("NODE_PACKAGES"), "NODE_PACKAGES is not set")
    for untagged, flags in RUNS:
        read(untagged, flags)


if __name__ == "__main__":
    lab.main(readers)
