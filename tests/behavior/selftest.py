"""The oracle is checked against published vectors, against the specification's own figures, and against each
law integrated or inverted in another way."""

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import faults
import golden
import laws
import ranks
import siphash
from grammar import Refused, faults_of, law_of

MS = 10**6
GOLDEN = Path(__file__).with_name("golden.txt")
GOLDEN_FAULTS = Path(__file__).with_name("golden_faults.txt")

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
    "fail(0.2, ABORTED)", "fail(5%)", "fail(5%, 0)", "fail(5%, 17)", "fail(5%, 200)", "fail(5%, 399)",
    "fail(5%, 600)", "fail(5%, CANCEL)", "fail(-5%, 1)", "fail(101%, 1)", "fail(5 %, 1)", "FAIL(5%, 1)",
    "hang(0.0000001%)", "hang(60%); fail(40.000001%, 1)", "hang(100%); reset(rest)", "hang(rest); reset(rest)",
    "reset(5%, CANCELLED)", "reset(5%, 14)", "goaway(5%, at=1)", "goaway(5%, when=before)", "drop(5%, RST)",
    "drop(5%, when=before, rst)", "slow(5%)", "slow(5%, 0B/s)", "slow(5%, 1 KiB/s)", "slow(5%, 1KB/s)",
    "slow(5%, 1KiB/s, at=1)", "late_trailers(5%)", "late_trailers(5%, 1s, when=after)", "hang(5%, 1)",
    "hang(5%, retry_info=1s)", "reset(5%, pushback=never)", "fail_first(5%, 1)", "fail_first(1.5, 1)",
    "fail_first(rest, 1)", "fail_first(1)", "fail(5%, 1, at=1, at=1)", "fail(5%, 1, at=1.5)",
    "fail(5%, 1, at=never)", "fail(5%, 1, when=later)", "fail(5%, 1, retry_info=never)",
    'fail(5%, 1, at=1, "x")', 'fail(5%, "x")', 'fail(5%, 1, "x)', r'fail(5%, 1, "\x")', r'fail(5%, 1, "\u{d800}")', r'fail(5%, 1, "\u{110000}")',
    r'fail(5%, 1, "\u{}")', "fail(5%, 1, 'x')", 'fail(5%, 1, "' + "é" * 512 + 'x")', "hang(1%);; 5ms",
    "hang(1%) reset(1%)", "mix(50%: hang(5%), rest: 1s)", "attempts(hang(5%), 1s)", "hang(1%) max 1s",
    ";".join(["hang(1%)"] * 65),
)  # fmt: skip

# A fault as it may be written, and its canonical text.
CANONICAL = (
    ("fail(5.50%, 14)", "fail(5.5%, UNAVAILABLE)"),
    ("fail(005%, cancelled)", "fail(5%, CANCELLED)"),
    ("fail(0.000000%, 503)", "fail(0%, 503)"),
    ("fail(0.000001%, 599)", "fail(0.000001%, 599)"),
    ("\n fail ( rest\t,ABORTED , when = after,at=0) ;", "fail(rest, ABORTED)"),
    ('fail(5%, 1, "planned by longsync")', "fail(5%, CANCELLED)"),
    ('fail(5%, 1, "", pushback=0, retry_info=0s)', 'fail(5%, CANCELLED, "", retry_info=0s, pushback=0s)'),
    (
        "fail(5%, 1, pushback=never, retry_info=1500us, at=007, when=before)",
        "fail(5%, CANCELLED, when=before, at=7, retry_info=1.5ms, pushback=never)",
    ),
    ('fail(5%, 1, "at")', 'fail(5%, CANCELLED, "at")'),
    (
        r'fail(5%, 1, "a;b), \u{41}\u{00e9}\u{7F}\u{0}\"\\\n\r\t~")',
        r'fail(5%, CANCELLED, "a;b), A\u{e9}\u{7f}\u{0}\"\\\n\r\t~")',
    ),
    ('fail(5%, 1, "' + "é" * 512 + '")', 'fail(5%, CANCELLED, "' + r"\u{e9}" * 512 + '")'),
    ("fail_first(03, 8, at=1)", "fail_first(3, RESOURCE_EXHAUSTED, at=1)"),
    ("reset(5%, 2)", "reset(5%)"),
    ("reset(5%, internal_error, at=1)", "reset(5%, at=1)"),
    ("reset(5%, 13, when=before)", "reset(5%, HTTP_1_1_REQUIRED, when=before)"),
    ("hang(5%, at=2, when=before)", "hang(5%, when=before, at=2)"),
    ("goaway(5%)", "goaway(5%)"),
    ("goaway(5%, 2, at=1)", "goaway(5%, INTERNAL_ERROR, at=1)"),
    ("drop(5%, rst, at=0)", "drop(5%, rst)"),
    ("slow(5%, 1023B/s)", "slow(5%, 1023B/s)"),
    ("slow(5%, 1024B/s)", "slow(5%, 1KiB/s)"),
    ("slow(5%, 1.0625MiB/s)", "slow(5%, 1088KiB/s)"),
    ("slow(5%, 1100B/s)", "slow(5%, 1100B/s)"),
    ("slow(5%, 3072MiB/s)", "slow(5%, 3GiB/s)"),
    ("late_trailers(5%, 1s 500ms)", "late_trailers(5%, 1.5s)"),
    ("late_trailers(5%, 1s 1us)", "late_trailers(5%, 1000.001ms)"),
    ("late_trailers(5%, 0)", "late_trailers(5%, 0s)"),
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


def clauses_of(text):
    found = faults_of(text)
    return [str(clause) for clause in (*found.first, *found.partition)]


def check_canonical():
    for written, canonical in CANONICAL:
        for text in (written, canonical):
            assert clauses_of(text) == [canonical], f"{text[:80]!r} has the faults {clauses_of(text)}"
    assert faults.GRPC_CODES.index("INVALID_ARGUMENT") == 3 and faults.GRPC_CODES.index("UNAUTHENTICATED") == 16
    assert faults.H2_CODES.index("REFUSED_STREAM") == 7 and faults.H2_CODES.index("HTTP_1_1_REQUIRED") == 13


def check_partition(fault):
    """Every share is exact, and `rest` is what the others leave, wherever it stands."""
    text = "hang(rest); reset(25%); fail(0%, 1); drop(0.000001%); slow(50%, 1KiB/s)"
    before = Fraction(1, 2**53)
    starts = (("0", "hang"), ("0.24999999", "reset"), ("0.49999999", "drop"), ("0.5", "slow"), ("1", None))
    for (start, kind), (end, _) in pairwise(starts):
        for u in (Fraction(start), Fraction(end) - before):
            found = faults_of(text).drawn(u)
            assert found.kind == kind, f"{text}: {u} draws {found}"
    assert faults_of("hang(25%)").drawn(0.25) is None, "u at the end of the last share has a fault"
    count = 4000
    drawn = [fault(text, 42, f"c-{number}") for number in range(count)]
    for clause, share in (("hang(rest)", 0.25), ("reset(25%)", 0.25), ("slow(50%, 1KiB/s)", 0.5)):
        # Five standard deviations.
        far = abs(drawn.count(clause) - count * share) / math.sqrt(count * share * (1 - share))
        assert far < 5, f"{clause} hits {drawn.count(clause)} of {count} calls"


def check_fault_draws(planned, fault):
    """A fault moves no delay and is independent of it; each attempt and each message has a draw of its own."""
    names = [f"c-{number}" for number in range(400)]
    for name in names[:40]:
        alone, beside = (planned(text, 42, name) for text in ("exponential(5ms)", "hang(50%); exponential(5ms)"))
        assert alone == beside, f"a fault moves the delay of {name} from {alone} to {beside} ns"
    below = [planned("uniform(0, 2ms)", 42, name) < MS for name in names]
    both = sum(low and fault("hang(50%)", 42, name) is not None for low, name in zip(below, names, strict=True))
    assert 60 < both < 140, f"{both} of 400 calls are below the median in both draws"
    for axis in ("attempt", "index"):
        hits = {tuple(fault("hang(50%)", 42, name, **{axis: place}) for name in names) for place in (1, 2, 3)}
        assert len(hits) == 3, f"the draw does not depend on the {axis}"


def check_whom_faults_hit(fault):
    text = "reset(rest); fail_first(1, 14); fail_first(3, 8); fail_first(2, 5)"
    expected = ["fail_first(1, UNAVAILABLE)", *["fail_first(3, RESOURCE_EXHAUSTED)"] * 2, "reset(rest)"]
    found = [fault(text, 42, "c", attempt) for attempt in (1, 2, 3, 4)]
    assert found == expected, f"{text} hits the attempts with {found}"
    for clause in ("fail(100%, ABORTED)", "hang(100%)", "fail_first(1, ABORTED)"):
        assert fault(clause, 42, "c", index=1) == clause, f"{clause} does not hit a later message"
    for clause in ("reset(100%)", "goaway(100%)", "drop(100%)", "slow(100%, 1B/s)", "late_trailers(100%, 1s)"):
        hits = [fault(clause, 42, "c", index=index) for index in (0, 1)]
        assert hits == [clause, None], f"{clause} hits the first two messages with {hits}"
    assert fault("5ms", 42, "c") is None and fault("hang(0%)", 42, "c") is None


def run(planned, fault):
    """Fails with an assertion that names the difference."""
    siphash.check()
    ranks.check()
    check_normal()
    check_stated()
    check_truncation()
    check_refusals()
    check_attempts_and_indexes(planned)
    check_canonical()
    check_partition(fault)
    check_fault_draws(planned, fault)
    check_whom_faults_hit(fault)
    check_lines(GOLDEN, golden.LINES, planned)
    check_lines(GOLDEN_FAULTS, golden.FAULT_LINES, planned, fault)
    print("the oracle agrees with the published and stated values, and with golden.txt and golden_faults.txt")


def check_lines(path, count, planned, fault=None):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == count, f"{path.name} has {len(lines)} lines instead of {count}"
    for number, line in enumerate(lines, 1):
        seed, text, name, attempt, index, ns, *clause = line.split("\t")
        name = name[1:-1] if name.startswith('"') else tuple(map(int, name[1:].split("/")))
        call = (text, int(seed), name, int(attempt), int(index))
        found = planned(*call)
        assert found == int(ns), f"{path.name}, line {number}: planned is {found} ns"
        hit = [fault(*call) or "-"] if fault else []
        assert hit == clause, f"{path.name}, line {number}: the fault is {hit}"
