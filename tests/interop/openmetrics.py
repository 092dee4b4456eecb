"""The cases of Prometheus's own Python library: it parses `/metrics` in both formats."""

import os

from lib import Counters, run_case
from prometheus_client import parser
from prometheus_client.openmetrics import parser as strict_parser

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def read(families):
    families = {family.name: family for family in families}
    types = {name: families[f"longsync_{name}"].type for name in ("calls_ended", "calls_in_flight", "lateness_seconds")}
    assert types == {"calls_ended": "counter", "calls_in_flight": "gauge", "lateness_seconds": "histogram"}, types
    return {name: sorted(sample.name for sample in family.samples) for name, family in families.items()}


def case_strict_parser():
    text = Counters(os.environ["ADDR"]).text(Accept=OPENMETRICS)
    assert text.endswith("# EOF\n"), text
    read(strict_parser.text_string_to_metric_families(text))


def case_text_parser():
    counters = Counters(os.environ["ADDR"])
    text = counters.text()
    assert "# EOF" not in text and "# UNIT" not in text, text
    strict = strict_parser.text_string_to_metric_families(counters.text(Accept=OPENMETRICS))
    assert read(parser.text_string_to_metric_families(text)) == read(strict)


run_case(globals())
