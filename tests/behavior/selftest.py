"""The oracle is checked against published vectors, against the specification's own figures, and against each
law integrated or inverted in another way."""

import math
from pathlib import Path

import golden
import laws
import ranks
import siphash
from grammar import Refused, law_of

MS = 10**6
GOLDEN = Path(__file__).with_name("golden.txt")

# Quantiles that the specification states, or that follow from it in closed form: text, share, ms.
STATED = (
    ("lognormal(p50=10ms, p99=200ms) max 250ms", 0.5, 10),
    ("lognormal(p50=10ms, p99=200ms) max 250ms", 0.99, 200),
    ("lognormal(p50=10ms, p99=200ms) max 250ms", 0.999, 243.33),
    ("lognormal(p50=10ms, p99=200ms) max 250ms", 0.9999, 249.31),
    ("uniform(1ms, 3ms)", 0.25, 1.5),
    ("exponential(10ms)", 0.5, 10 * math.log(2)),
    ("pareto(1ms, 2)", 0.99, 10),
    ("normal(100ms, 10ms)", 0.001, 100 - 30.90232306167813),
    ("lognormal(p50=10ms, sigma=1)", 0.999, 10 * math.exp(3.090232306167813)),
    ("percentiles(50=10ms, 90=40ms, 99=200ms)", 0.0001, 5.0005),
    ("percentiles(50=10ms, 90=40ms, 99=200ms)", 0.9, 40),
    ("percentiles(50=10ms, 90=40ms, 99=200ms)", 0.99, 200),
    ("percentiles(50=1ms, 90=10ms, 99=100ms, 100=100s)", 0.999, 991.09),
    ("percentiles(50=5ms, 99=5ms)", 0.9999, 5),
    ("mix(60%: 1ms, 40%: exponential(10ms))", 0.6, 1),
    ("mix(50%: uniform(0, 1ms), rest: uniform(2ms, 4ms))", 0.75, 3),
    ("attempts(3ms, 1ms)", 0.5, 3),
    ("stall(for=1s)", 0.5, 0),
)
# The last digit of a stated figure, relative to the figure.
STATED_TO = 5e-5

REFUSED = (
    "", ";", "5", "5 ms", "1s 1m", "1.5ns", "-1s", "2h", "5ms; 5ms", "5ms max 1s", "uniform(3ms, 1ms)",
    "normal(0, 1ms)", "pareto(10ms, nan)", "pareto(1ms, 2) max 2h", "lognormal(50=1ms, 99=2ms)",
    "lognormal(p50=1ms, p99=1ms)", "percentiles(50=1ms)", "percentiles(50=2ms, 90=1ms)",
    "percentiles(50=0, 90=1ms)", "percentiles(50=1ms, 90=1ms, 100=2ms)", "mix(50%: 1ms)",
    "mix(100%: 1ms, rest: 2ms)", "mix(0.1: 1ms, rest: 2ms)", "exponential(5ms) max 1ms", "fail(5%, OK)",
    "normal(1s, 1ms) max 999ms", "mix(100%: " * 5 + "1ms" + ")" * 5, "mix(100%: " * 400,
)  # fmt: skip


def check_normal():
    # The figures of Wichura's paper.
    for p, z in ((0.25, -0.6744897501960817), (0.001, -3.090232306167814), (1e-20, -9.262340089798408)):
        found = laws.normal_quantile(p)
        assert math.isclose(found, z, rel_tol=5e-16), f"the normal quantile of {p} is {found!r} instead of {z!r}"
    for z in (-8.0, -1.0, 0.0, 0.5, 3.0):
        back = laws.normal_quantile(laws.normal_share(z))
        assert math.isclose(back, z, rel_tol=1e-13, abs_tol=1e-15), f"the inverse of {z} gives {back!r} instead of {z}"


def check_stated():
    for text, share, ms in STATED:
        found = laws.quantile(law_of(text), share) / MS
        assert math.isclose(found, ms, rel_tol=STATED_TO), f"the quantile {share} of {text} is {found} ms instead of {ms} ms"


def check_truncation():
    """Conditioned on [0, M], a law has the share (F(x) - F(0)) / (F(M) - F(0)) at every x."""
    share = laws.normal_share
    untruncated = {
        "normal(10ms, 20ms) max 30ms": lambda x: share((x - 10) / 20),
        "exponential(20ms) max 30ms": lambda x: 1 - math.exp(-x / 20),
        "pareto(2ms, 0.7) max 30ms": lambda x: 1 - (2 / x) ** 0.7 if x > 2 else 0.0,
        "lognormal(p50=20ms, sigma=2) max 30ms": lambda x: share(math.log(x / 20) / 2) if x else 0.0,
    }
    for text, below in untruncated.items():
        law = law_of(text)
        for u in (1e-9, 0.1, 0.5, 0.9, 0.999999):
            x = law.exact(u, 1) / MS
            found = (below(x) - below(0)) / (below(30) - below(0))
            assert math.isclose(found, u, rel_tol=1e-6), f"{text}: the share below {x} ms is {found} instead of {u}"


def check_refusals():
    for text in REFUSED:
        try:
            law_of(text)
        except Refused:
            continue
        raise AssertionError(f"{text[:80]!r} is not refused")


def check_attempts_and_indexes(planned):
    """Each message and each attempt draws a new delay, except from a constant."""
    exponential = "exponential(5ms)"
    drawn = {planned(exponential, 42, "c", attempt, index) for attempt in (1, 2, 3) for index in range(5)}
    assert len(drawn) == 15, f"15 messages drew {len(drawn)} delays"
    assert planned("attempts(3ms, 2ms, 1ms)", 42, "c", attempt=9) == MS
    assert planned("mix(100%: 1ms)", 42, (0, 0)) == MS


def run(planned):
    """Fails with an assertion that names the difference."""
    siphash.check()
    ranks.check()
    check_normal()
    check_stated()
    check_truncation()
    check_refusals()
    check_attempts_and_indexes(planned)
    vectors = GOLDEN.read_text(encoding="utf-8").splitlines()
    assert len(vectors) == golden.LINES, f"golden.txt has {len(vectors)} lines instead of {golden.LINES}"
    for number, line in enumerate(vectors, 1):
        check_line(planned, number, line)
    print("the oracle agrees with the published and stated values, and with golden.txt")


def check_line(planned, number, line):
    seed, text, name, attempt, index, ns = line.split("\t")
    call = name[1:-1] if name.startswith('"') else tuple(map(int, name[1:].split("/")))
    found = planned(text, int(seed), call, int(attempt), int(index))
    assert found == int(ns), f"golden.txt, line {number}: planned is {found} ns"
