#!/usr/bin/env python3
"""Computes laws.txt: SciPy's figures for the laws of crates/behavior, for src/shape/tests/laws.rs.

The laws are implemented here a second time, from their definitions alone: truncation as a condition on SciPy's
own distribution functions, and pieces between given percentiles as SciPy's truncated Pareto law. It needs to be
run only once:

    pip install scipy && ./compute.py > laws.txt
"""

import bisect
import math
import sys
import warnings

import scipy
from scipy import integrate, optimize, stats

US, MS, S = 1e3, 1e6, 1e9
HOUR = 3600 * S
DRAWS = 200_000
TAILS = (0.9, 0.99, 0.999, 0.9999)
POINTS = 400


class Law:
    """`cdf(x)`, the probability of at most x, between `low` and `high`; `corners` are where it has atoms or
    where its density jumps."""

    def __init__(self, text, cdf, low, high, corners=(), atoms=()):
        self.text, self.cdf_inside, self.low, self.high = text, cdf, low, high
        self.corners, self.atoms = corners, atoms

    def cdf(self, x):
        return 0.0 if x < self.low else 1.0 if x >= self.high else self.cdf_inside(x)

    def below(self, x):
        """The probability of less than x."""
        return self.cdf(math.nextafter(x, 0)) if x in self.atoms else self.cdf(x)

    def quantile(self, u):
        """The least x with cdf(x) >= u."""
        for atom in self.atoms:
            if self.below(atom) < u <= self.cdf(atom):
                return atom
        low = math.log(max(self.low, 1e-3))
        if u <= self.cdf(math.exp(low)):
            return math.exp(low)
        return math.exp(
            optimize.brentq(lambda y: self.cdf(math.exp(y)) - u, low, math.log(self.high), xtol=1e-15)
        )

    def mean(self):
        """The integral of the probability of exceeding x, on a logarithmic axis and in short pieces."""
        least = max(self.low, 1e-6)
        ends = {math.log(x) for x in (least, self.high, *self.corners)}
        steps = 400
        low, high = min(ends), max(ends)
        ends |= {low + (high - low) * step / steps for step in range(steps + 1)}
        ends = sorted(ends)

        def exceeding(y):
            return (1 - self.cdf(math.exp(y))) * math.exp(y)

        pieces = (
            integrate.quad(exceeding, a, b, epsabs=0, epsrel=1e-13)[0] if exceeding((a + b) / 2) else 0
            for a, b in zip(ends, ends[1:])
        )
        return least + math.fsum(pieces)


def truncated(text, law, most=HOUR, kept=None):
    """Conditioned on the value being between 0 and `most`; with `kept`, only beyond that quantile."""
    at_zero, at_most = law.cdf(0), law.cdf(most)
    if kept is None:
        return Law(text, lambda x: (law.cdf(x) - at_zero) / (at_most - at_zero), max(law.support()[0], 0), most)
    corner = law.ppf(kept)

    def cdf(x):
        if x <= corner:
            return law.cdf(x)
        return kept + (1 - kept) * (law.cdf(x) - kept) / (at_most - kept)

    return Law(text, cdf, 0, most, corners=(corner,))


def lognormal(low, high):
    """The log-normal law with these two points (share, value)."""
    z = [stats.norm.ppf(share) for share, _ in (low, high)]
    logs = [math.log(value) for _, value in (low, high)]
    sigma = (logs[1] - logs[0]) / (z[1] - z[0])
    return stats.lognorm(sigma, scale=math.exp(logs[0] - sigma * z[0]))


def percentiles(text, points, most):
    """Through these points (share, value), the first of which has the share 0: truncated Pareto laws side by side."""
    pieces = []
    for (p, value), (q, following) in zip(points, points[1:]):
        slope = math.log(following / value) / math.log((1 - p) / (1 - q))
        pieces.append((p, q, value, following, slope))
    pieces.append((points[-1][0], 1.0, points[-1][1], most, pieces[-1][4]))

    def cdf(x):
        share = 0.0
        for p, q, value, following, slope in pieces:
            if x < value:
                break
            if slope == 0 or x >= following:
                share = q
            else:
                piece = stats.truncpareto(1 / slope, following / value, scale=value)
                share = p + (q - p) * piece.cdf(x)
        return share

    atoms = [value for _, _, value, following, _ in pieces if value == following]
    return Law(text, cdf, points[0][1], most, [value for _, value in points], atoms)


def replay(text, counts):
    """Values with their counts."""
    values, all_of_them = sorted(counts), sum(counts.values())
    up_to = [sum(counts[v] for v in values[: i + 1]) / all_of_them for i in range(len(values))]

    def cdf(x):
        return ([0.0] + up_to)[bisect.bisect_right(values, x)]

    return Law(text, cdf, values[0], values[-1], values, values)


def laws():
    yield truncated("uniform(1ms, 5ms)", stats.uniform(1 * MS, 4 * MS), most=5 * MS)
    yield truncated("uniform(0s, 1s)", stats.uniform(0, S), most=S)
    yield truncated("normal(20ms, 5ms)", stats.norm(20 * MS, 5 * MS))
    yield truncated("normal(10ms, 20ms) max 30ms", stats.norm(10 * MS, 20 * MS), 30 * MS)
    yield truncated("exponential(10ms)", stats.expon(0, 10 * MS))
    yield truncated("exponential(400ms) max 500ms", stats.expon(0, 400 * MS), 500 * MS)
    yield truncated("pareto(1ms, 1.5)", stats.pareto(1.5, scale=MS))
    yield truncated("pareto(10ms, 0.7) max 1s", stats.pareto(0.7, scale=10 * MS), S)
    tailed = lognormal((0.5, 10 * MS), (0.99, 200 * MS))
    yield truncated("lognormal(p50=10ms, p99=200ms)", tailed, kept=0.99)
    yield truncated("lognormal(p50=10ms, p99=200ms) max 250ms", tailed, 250 * MS, kept=0.99)
    yield truncated("lognormal(p50=10ms, sigma=1.2)", stats.lognorm(1.2, scale=10 * MS))
    yield truncated("lognormal(p50=10ms, sigma=2) max 50ms", stats.lognorm(2, scale=10 * MS), 50 * MS)
    yield percentiles(
        "percentiles(50=10ms, 90=20ms, 99=80ms)",
        [(0, 5 * MS), (0.5, 10 * MS), (0.9, 20 * MS), (0.99, 80 * MS)],
        800 * MS,
    )
    yield percentiles(
        "percentiles(0=1ms, 50=5ms, 75=5ms, 95=30ms, 99.9=1s, 100=1.5s)",
        [(0, MS), (0.5, 5 * MS), (0.75, 5 * MS), (0.95, 30 * MS), (0.999, S)],
        1.5 * S,
    )
    yield replay('replay("few")', {MS: 1, 2 * MS: 5, 10 * MS: 4, S: 1})
    yield replay('replay("many")', {n * n * US: n % 7 for n in range(1, 1001) if n % 7})


def main():
    # Pieces so small that their last digits are noise add nothing to the mean.
    warnings.simplefilter("ignore", integrate.IntegrationWarning)
    print(f"# Computed by compute.py with SciPy {scipy.__version__}, in nanoseconds. For each law: its mean; its")
    print(f"# quantiles; the fewest and the most of {DRAWS} values that may exceed a quantile (99.9 %); and the")
    print("# probabilities of less than a value and of at most it, the former only if they differ.")
    for law in laws():
        print(f"law {law.text}")
        print(f"mean {law.mean():.13g}")
        for u in (0.5, *TAILS):
            print(f"quantile {u} {law.quantile(u):.13g}")
        for u in TAILS:
            value = law.quantile(u)
            exceeding = stats.binom(DRAWS, max(0, 1 - law.cdf(value)))
            print(f"tail {value:.13g} {exceeding.ppf(0.0005):.0f} {exceeding.ppf(0.9995):.0f}")
        values = sorted({round(law.quantile((i + 0.5) / POINTS)) for i in range(POINTS)})
        for value in values:
            below, up_to = law.below(value), law.cdf(value)
            print(f"cdf {value} {up_to:.12g}" + (f" {below:.12g}" if below < up_to else ""))


if __name__ == "__main__":
    sys.exit(main())
