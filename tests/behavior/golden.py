"""The golden vectors: draws from all shapes, written down so that unit tests need no Python."""

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
        from_half = abs(value % 1 - 0.5)
        assert from_half > value * ARITHMETIC, f"{text}: {value!r} ns is too close to half a nanosecond"
        ns = planned(text, seed, name_of(name), attempt, index)
        yield "\t".join(map(str, (seed, text, name, attempt, index, ns)))
