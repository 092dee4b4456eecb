"""What curl reports for each fault over HTTP/1.1, and how it retries."""

import contextlib
import re
import subprocess
import tempfile
import time

import reports
import table
from lib import run_case


def curl(address, *flags):
    """The exit code, the status and the error of a request."""
    command = ["curl", "--silent", "--show-error", "--http1.1", "--max-time", "2"]
    url = f"http://{address}/long_sync?call_id=fault"
    # Before a retry curl truncates its output, which must be a file for that.
    with tempfile.NamedTemporaryFile() as output:
        asked = [*command, "--output", output.name, "--write-out", "%{http_code}", *flags, url]
        ended = subprocess.run(asked, capture_output=True, text=True, timeout=15, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def report(row, address):
    """The cell and the message. curl has no streams."""
    if row.rpc != "LongSync":
        return None
    exit_code, status, error = curl(address)
    if exit_code == 0:
        return f"`{status}`", None
    message = re.sub(r"^curl: \(\d+\) ", "", error.strip())
    # How long it waited differs from run to run.
    message = re.sub(r"after \d+ milliseconds", "after N milliseconds", message)
    return f"exit {exit_code}", table.steady(message)


def case_faults():
    with contextlib.ExitStack() as servers:
        found = []
        for row in table.rows():
            address = servers.enter_context(reports.server_with(row.fault))
            found.append(report(row, address))
    table.check("curl", found)


def case_retry_after():
    """Without the header curl would wait one second before its first retry."""
    with reports.server_with("fail_first(1, 503, retry_info=1500ms)") as address:
        start = time.monotonic()
        exit_code, statuses, error = curl(address, "--retry", "2", "--max-time", "10")
        took = time.monotonic() - start
        assert (exit_code, statuses) == (0, "200"), (exit_code, statuses, error)
        assert 2 <= took < 5, f"a retry after 2 s, which is 1.5 s rounded up, took {took:.3f} s"


def case_retries_of_unnamed_calls():
    """All calls without a name are one: the first two requests fail, whoever makes them."""
    with reports.server_with("fail_first(2, 503)") as address:
        command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code} "]
        seen = [
            subprocess.run(
                [*command, f"http://{address}/long_sync"], capture_output=True, text=True, timeout=15, check=True
            ).stdout.strip()
            for _ in range(4)
        ]
        assert seen == ["503", "503", "200", "200"], seen


run_case(globals())
