"""The cases of Prometheus and its promtool, which read `/metrics` in both formats."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lib import Counters, free_port, run_case, until

ADDR = os.environ["ADDR"]
CONFIGURATION = """
global: {scrape_interval: 1s}
scrape_configs:
- job_name: openmetrics
  static_configs: [{targets: ["%s"]}]
- job_name: text
  static_configs: [{targets: ["%s"]}]
"""


def case_promtool_accepts_the_text():
    text = Counters(ADDR).text()
    command = [os.environ["PROMTOOL"], "check", "metrics"]
    said = subprocess.run(command, input=text, text=True, capture_output=True, timeout=15, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


class Text(BaseHTTPRequestHandler):
    """Forwards the server's answers to a scraper that understands only the text format."""

    def do_GET(self):
        with urllib.request.urlopen(f"http://{ADDR}/metrics", timeout=5) as answer:
            body = answer.read()
            self.send_response(answer.status)
            self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def text_only():
    with ThreadingHTTPServer(("127.0.0.1", 0), Text) as passes_on:
        serving = threading.Thread(target=passes_on.serve_forever)
        serving.start()
        yield f"127.0.0.1:{passes_on.server_port}"
        passes_on.shutdown()
        serving.join()


def asked(prometheus, query):
    """The values of a query by job; none as long as Prometheus does not answer."""
    url = f"http://{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        return {}
    return {each["metric"]["job"]: float(each["value"][1]) for each in found}


def case_prometheus_scrapes_both_forms():
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as directory, text_only() as text:
        configuration = Path(directory, "prometheus.yml")
        configuration.write_text(CONFIGURATION % (ADDR, text))
        command = [
            os.environ["PROMETHEUS"],
            f"--config.file={configuration}",
            f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address={address}",
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
            try:
                until("the targets that are up", lambda: asked(address, "up"), {"openmetrics": 1, "text": 1})
                buckets = asked(address, "count(longsync_lateness_seconds_bucket) by (job)")
                assert buckets.keys() == {"openmetrics", "text"} and min(buckets.values()) > 1, buckets
            finally:
                prometheus.kill()


run_case(globals())
