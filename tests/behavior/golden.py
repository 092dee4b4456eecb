"""The golden vectors: draws from all shapes, and of all faults, written down so that unit tests need no
Python."""

import itertools

# Seeds, names, attempts and indexes, used in turn; their numbers have no common factor.
SEEDS = (42, 0, 2**64 - 1, 2**63)
NAMES = ('"order-1"', "#0/0", '"c-0"', '"Grüße, 世界"', "#1/0", "#0/1", '"' + "x" * 256 + '"')
ATTEMPTS = (1, 1, 2, 1, 3, 1, 1, 4, 1, 1, 4294967295)
INDEXES = (0, 0, 0, 1, 0, 0, 99999, 0, 0, 0, 2, 0, 2**64 - 1)

TEXTS = (
    "250ms",
    "uniform(1ms, 3ms)",
    "uniform(0, 10m)",
    "normal(1ms, 3ms)",
    "normal(10ms, 4ms) max 12ms",
    "exponential(20m)",
    "exponential(5ms) max 8ms",
    "pareto(1ms, 1.5)",
    "pareto(1ms, 0.3)",
    "pareto(2ms, 1.2) max 50ms",
    "lognormal(p50=10ms, p99=200ms)",
    "lognormal(p50=10ms, p99=200ms) max 250ms",
    "lognormal(p10=1ms, p20=2ms) max 100ms",
    "lognormal(p25=1us, p99.9=1s)",
    "lognormal(p50=20ms, sigma=0.8)",
    "lognormal(p50=20ms, sigma=2.5) max 100ms",
    "percentiles(50=10ms, 90=40ms, 99=200ms)",
    "percentiles(p10=10ms, p20=40ms) max 300ms",
    "percentiles(10=1ms, 30=4ms)",
    "percentiles(0=2ms, 25=3ms, 50=3ms, 99.99=1s, 100=3s)",
    "percentiles(50=3ns, 90=7ns)",
    "percentiles(5=4ms, 50=4ms)",
    "mix(10%: 2ms, 50%: exponential(20ms), 40%: lognormal(p50=100ms, p99=900ms))",
    "mix(0.000001%: 1h, rest: uniform(1us, 2us), 33.333333%: pareto(1ms, 2)) max 1h",
    "mix(50%: mix(rest: exponential(1ms), 20%: normal(30ms, 5ms)), rest: 7us) max 40ms",
    "attempts(1s, exponential(100ms), 5ms)",
    "attempts(pareto(1ms, 1.1), mix(50%: 1ms, 50%: exponential(2ms) max 3ms)) max 20ms",
    "stall(at=1s, for=100ms, every=10s); exponential(1m 30s);",
    "stall(for=1s, from=first_call)",
)
LINES = 60
# The relative error that another program's arithmetic may have. A delay this close to half a nanosecond would
# make a vector that tests the arithmetic.
ARITHMETIC = 2.0**-46


def is_exact(value):
    """Whether any arithmetic rounds a delay to the same number of ns."""
    return abs(value % 1 - 0.5) > value * ARITHMETIC


def lines(planned, unrounded, name_of):
    """Each text twice, with a different seed, name, attempt and index."""
    cases = zip(
        itertools.islice(itertools.cycle(TEXTS), LINES),
        itertools.cycle(SEEDS),
        itertools.cycle(NAMES),
        itertools.cycle(ATTEMPTS),
        itertools.cycle(INDEXES),
    )
    for text, seed, name, attempt, index in cases:
        value = unrounded(text, seed, name_of(name), attempt, index)
        assert is_exact(value), f"{text}: {value!r} ns is too close to half a nanosecond"
        ns = planned(text, seed, name_of(name), attempt, index)
        yield "\t".join(map(str, (seed, text, name, attempt, index, ns)))


# u of the call below is 0.188026643888..: the last decimal of a share decides what hits it.
EDGE_CALL = (42, '"order-1"', 1, 0)
EDGES = (
    "fail(18.802664%, UNAVAILABLE)",
    "fail(18.802665%, UNAVAILABLE)",
    "reset(9.401332%); hang(9.401332%)",
    "reset(9.401332%); hang(9.401333%)",
    "hang(rest); reset(81.197335%)",
    "hang(rest); reset(81.197336%)",
    "reset(18.802664%); hang(0.000000%); goaway(0.000001%); drop(rest)",
)
FAULT_TEXTS = (
    "fail(20%, UNAVAILABLE)",
    "5ms; fail(5.50%, 14); reset(030%, 8); late_trailers(20%, 1s 500ms);",
    'fail(rest, not_found, "try again"); exponential(5ms); hang(40%)',
    "reset(50%, INTERNAL_ERROR); reset(rest, http_1_1_required, when=before)",
    "goaway(30%); goaway(30%, 0); goaway(rest, enhance_your_calm, at=3, when=before)",
    "drop(25%); drop(25%, rst); drop(25%, at=2, when=after); drop(rest, rst, when=before)",
    "slow(30%, 1536B/s); slow(30%, 1025KiB/s); slow(30%, 0.50GiB/s); slow(rest, 1100B/s)",
    "late_trailers(50%, 0); late_trailers(rest, 1500us)",
    r'lognormal(p50=10ms, p99=200ms); fail(60%, 503, "\"a\" \\ caf\u{00E9}\t\r\n; )");'
    ' fail(rest, 16, "Grüße, 世界")',
    "fail_first(2, unavailable); fail(50%, INTERNAL)",
    'hang(rest); fail_first(1, 14); fail_first(3, 8, "full", pushback=never, retry_info=2s, at=0, when=after)',
    'fail_first(1, 429, "at"); fail_first(1, 429, "at"); attempts(1s, 5ms)',
    "fail(0%, ABORTED); hang(100%)",
    "fail(0%, 15); slow(0.000%, 1GiB/s)",
    "hang(0%); fail(rest, 13); fail_first(4294967295, 4, when=before)",
    'fail(50%, 400, ""); fail(rest, 599, retry_info=250ms)',
    'fail(rest, UNKNOWN, "slow down", pushback=1s, retry_info=0s, at=2, when=before)',
    "stall(for=1s, at=10s); hang(50%, at=10, when=before); fail(50%, 1)",
    "uniform(1ms, 3ms) ; fail ( 33.333333% ,data_loss ) ;hang(33.333333%,when = after);reset(rest , 0)",
    "mix(50%: 1ms, rest: exponential(2ms)); slow(1.25%, 64KiB/s); goaway(48.75%); reset(rest, cancel, at=0)",
)
# All codes that the texts above do not contain.
FAULT_TEXTS += (
    "; ".join(f"fail(11%, {code})" for code in (2, 3, 5, 6, 7, 9, 10, 11, 12)),
    "; ".join(f"reset(8.33%, {code})" for code in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13)),
)
FAULT_LINES = 76
# How many calls are tried per text: enough for a share of 1 %.
TRIED = 2000


def fault_cases():
    """Seeds, names, attempts and indexes without end. One of the names is a new one each time."""
    names = itertools.cycle(NAMES)
    numbered = (f'"c-{number}"' if (name := next(names)) == NAMES[2] else name for number in itertools.count())
    return zip(itertools.cycle(SEEDS), numbered, itertools.cycle(ATTEMPTS), itertools.cycle(INDEXES))


def fault_lines(planned, unrounded, fault, name_of):
    """For each text one call per clause that is found to hit it, and one that is not hit."""

    def line(text, seed, name, attempt, index):
        call = (text, seed, name_of(name), attempt, index)
        return "\t".join(map(str, (seed, text, name, attempt, index, planned(*call), fault(*call) or "-")))

    yield from (line(text, *EDGE_CALL) for text in EDGES)
    cases = fault_cases()
    for text in FAULT_TEXTS:
        found = {}
        for seed, name, attempt, index in itertools.islice(cases, TRIED):
            call = (text, seed, name_of(name), attempt, index)
            hit = fault(*call)
            # A later message without a fault may have fallen into the share of one that hits the entire call.
            # Such a line would test more than the draw.
            if (hit or index == 0) and is_exact(unrounded(*call)):
                found.setdefault(hit, (seed, name, attempt, index))
        yield from (line(text, *case) for case in found.values())
