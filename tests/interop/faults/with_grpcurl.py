"""What grpcurl reports for each fault. It learns the contract by reflection, on a connection of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import reports
from grpcio_lib import SERVICE
from lib import run_case


def report(call):
    rpc, _, address = call.partition("@")
    count = ',"count":3' if rpc == "LongSyncStream" else ""
    request = f'{{"call_id":"fault"{count}}}'
    command = [os.environ["GRPCURL"], "-plaintext", "-max-time", "2", "-d", request, address, f"{SERVICE}/{rpc}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    failed = re.search(r"Code: (\w+)\s+Message: (.*)", ended.stderr)
    assert failed or ended.returncode == 0, f"exit code {ended.returncode}: {ended.stderr}"
    return {
        "answers": ended.stdout.count('"Done!"'),
        "code": failed[1] if failed else "OK",
        "message": failed[2] if failed else "",
    }


def case_faults():
    reports.faults("grpcurl", [sys.executable, str(Path(__file__)), "report"])


if __name__ == "__main__":
    if sys.argv[1] == "report":
        for asked in sys.argv[2:]:
            print(json.dumps(report(asked)))
    else:
        run_case(globals())
