#!/usr/bin/env python3
"""A generator that keeps up is not blamed, however busy its processors are.

Against a server that takes 500 ms, with `--spin`, which keeps a core busy on purpose, in a closed loop next
to its server, and next to a busy core that is not its own: no verdict, and every call was sent. This cannot
be shown on a machine that other programs keep busy.
"""

import lab
from lab import expect


def keeps_up(what, url, *flags, core=None):
    ran = lab.load(url, *flags, core=core)
    late = "no lag" if ran.record["loop"] == "closed" else f"p99 of lag {ran.shown('lag', 'p99')}"
    print(f"    {what}: {ran.record['counts']['sent']:,} sent, {late}")
    expect(not ran.is_client_bound, f"{what}: {ran.record['verdict']['sentences']}")
    expect(not ran.not_sent(), f"{what}: not sent: {ran.not_sent()}")


def experiment():
    lab.needs_quiet()
    with lab.server("--delay", "0ms") as server:
        keeps_up("500 ms", server.url, "--rate", 1_000, "--delay", "500ms", "-z", "4s")
        keeps_up("--spin", server.url, "--rate", 1_000, "--spin", "100us", "-z", "3s")
        keeps_up("closed loop", server.url, "-c", 20, "--delay", "20ms", "-z", "3s")
    with lab.server("--delay", "5ms", core=0) as server, lab.busy(1):
        keeps_up("another core is busy", server.url, "--rate", 1_000, "-z", "3s", core=0)


if __name__ == "__main__":
    lab.main(experiment)
