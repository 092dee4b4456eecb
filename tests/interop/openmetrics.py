"""The case of Prometheus's own Python library: it reads `/metrics` by the OpenMetrics specification."""

import os

from lib import Counters, run_case
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def case_strict_parser():
    text = Counters(os.environ["ADDR"]).text(accept="application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    types = {name: families[f"longsync_{name}"].type for name in ("calls_ended", "calls_in_flight", "lateness_seconds")}
    assert types == {"calls_ended": "counter", "calls_in_flight": "gauge", "lateness_seconds": "histogram"}, types


run_case(globals())
