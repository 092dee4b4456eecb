"""What the cases of the Python clients share. `run` starts each case in a process of its own, with
the server's address in ADDR; a case fails with its reason on stderr."""

import sys
import traceback
import urllib.request


def metrics(addr):
    """The text of `/metrics`."""
    # No proxy: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{addr}/metrics", timeout=10) as answer:
        return answer.read().decode()


def run_case(cases):
    """Runs the case that the command line names. Its failure is one sentence instead of a trace."""
    try:
        cases["case_" + sys.argv[1]]()
    except Exception as error:  # Whatever it is, it is why the case failed.
        last = traceback.extract_tb(error.__traceback__)[-1]
        sys.exit(f"{type(error).__name__}: {error} (line {last.lineno}: {last.line})")
