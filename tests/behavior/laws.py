"""The laws from which a delay is drawn: inverse distribution functions in nanoseconds, truncated as part 2 of
the language specifies. A shape takes a number u between 0 and 1; all shapes are monotone in u, except `Mix`,
which is made of monotone ones."""

import math
from fractions import Fraction
from statistics import NormalDist

BELOW_ONE = 1 - 2.0**-53
ABOVE_ZERO = 5e-324
# The share of a truncated law that must be below its upper end.
LEAST_KEPT = 0.01


class Refused(ValueError):
    """A text that the language does not allow."""


def normal_quantile(p):
    """Wichura's AS 241 (PPND16), which Python itself uses."""
    return NormalDist().inv_cdf(min(max(p, ABOVE_ZERO), BELOW_ONE))


def normal_share(z):
    """The share of the standard normal law below z."""
    return math.erfc(-z / math.sqrt(2)) / 2


def nearest(value):
    """To the nearest integer, halves rounded up. `round` rounds halves to the even one."""
    whole = math.floor(value)
    return whole + (value - whole >= 0.5)


def kept(below, top):
    """Refuses a truncation that leaves almost nothing; `below` is the share that it leaves."""
    if below < LEAST_KEPT:
        raise Refused(f"less than 1 % of the law is between 0 s and {top} ns")
    return below


class Shape:
    """One inverse distribution function. `top` is the largest delay in ns."""

    def __init__(self, quantile, top):
        self.quantile = quantile
        self.top = top

    def exact(self, u, _attempt):
        """The delay before rounding."""
        return self.quantile(u)

    def draw(self, u, _attempt):
        return min(max(nearest(self.quantile(u)), 0), self.top)

    def shapes(self, _attempt):
        """The shapes of which this is a mixture, each with its share."""
        return [(Fraction(1), self)]

    def share_up_to(self, delay):
        """The share of the law at or below a delay in ns: the largest u that draws a delay of at most
        that."""
        low, high = 0.0, 1.0
        if self.draw(ABOVE_ZERO, 1) > delay:
            return low
        if self.draw(BELOW_ONE, 1) <= delay:
            return high
        while low < (middle := (low + high) / 2) < high:
            low, high = (middle, high) if self.draw(middle, 1) <= delay else (low, middle)
        return low


class Mix:
    """Parts with shares, which are fractions that sum to 1."""

    def __init__(self, parts):
        self.parts = parts

    def part(self, u):
        """The part that u selects, and the number with which that part is drawn."""
        whole, before = Fraction(u), Fraction(0)
        for share, law in self.parts:
            if share and whole < before + share:
                return law, min(float((whole - before) / share), BELOW_ONE)
            before += share
        raise AssertionError(f"the shares sum to {before}, and u is {u}")

    def exact(self, u, attempt):
        law, within = self.part(u)
        return law.exact(within, attempt)

    def draw(self, u, attempt):
        law, within = self.part(u)
        return law.draw(within, attempt)

    def shapes(self, attempt):
        return [
            (share * inner, shape)
            for share, law in self.parts
            for inner, shape in law.shapes(attempt)
            if share
        ]


class Attempts:
    """A law for each attempt; the last one also applies to all later attempts."""

    def __init__(self, laws):
        self.laws = laws

    def of(self, attempt):
        return self.laws[min(attempt, len(self.laws)) - 1]

    def exact(self, u, attempt):
        return self.of(attempt).exact(u, attempt)

    def draw(self, u, attempt):
        return self.of(attempt).draw(u, attempt)

    def shapes(self, attempt):
        return self.of(attempt).shapes(attempt)


def quantile(law, p, attempt=1):
    """The smallest delay in ns such that a share p of the law is at or below it."""
    shapes = law.shapes(attempt)
    if len(shapes) == 1:
        return shapes[0][1].draw(min(max(p, ABOVE_ZERO), BELOW_ONE), attempt)
    low, high = -1, max(shape.top for _, shape in shapes)
    while high - low > 1:
        middle = (low + high) // 2
        share = math.fsum(float(share) * shape.share_up_to(middle) for share, shape in shapes)
        low, high = (low, middle) if share >= p else (middle, high)
    return high


def constant(delay):
    return lambda u: delay


def uniform(low, high):
    return lambda u: low + u * (high - low)


def normal(mean, sd, top):
    from_zero = normal_share(-mean / sd)
    share = kept(normal_share((top - mean) / sd) - from_zero, top)
    return lambda u: mean + sd * normal_quantile(from_zero + u * share)


def exponential(mean, top):
    share = kept(-math.expm1(-top / mean), top)
    return lambda u: -mean * math.log1p(-u * share)


def pareto(scale, shape, top):
    # 1 - (scale / top)^shape
    share = kept(-math.expm1(-shape * math.log(top / scale)), top)
    return lambda u: scale * math.exp(-math.log1p(-u * share) / shape)


def lognormal_of_median(median, sigma, top):
    """WireMock's form, truncated as a whole."""
    share = kept(normal_share(math.log(top / median) / sigma), top)
    return lambda u: median * math.exp(sigma * normal_quantile(u * share))


def lognormal_of_percentiles(lower, upper, top):
    """Through two points (p, delay), which stay exact: only the part beyond the second point is truncated."""
    (p, below), (q, above) = lower, upper
    at_p, at_q = normal_quantile(float(p)), normal_quantile(float(q))
    sigma = math.log(above / below) / (at_q - at_p)
    last = float(q)
    share = normal_share(at_q + math.log(top / above) / sigma)

    def of(u):
        if u > last:
            u = last + (u - last) / (1 - last) * (share - last)
        return below * math.exp(sigma * (normal_quantile(u) - at_p))

    return of


def percentiles(points, top):
    """Through points (p, delay) in ascending order, the first of which has p = 0: the logarithm of the delay
    is linear in -ln(1 - p). The slope continues beyond the last point."""
    places = [-math.log(1 - p) for p, _ in points]
    shares = [float(p) for p, _ in points]
    delays = [delay for _, delay in points]
    slope = math.log(delays[-1] / delays[-2]) / (places[-1] - places[-2])
    beyond = float(1 - points[-1][0])

    def of(u):
        if u > shares[-1]:
            if slope == 0:
                return delays[-1]
            v = (1 - u) / beyond
            t = (top / delays[-1]) ** (-1 / slope)
            return delays[-1] * (v + (1 - v) * t) ** -slope
        after = next(i for i in range(1, len(shares)) if u <= shares[i])
        start = after - 1
        along = (-math.log1p(-u) - places[start]) / (places[after] - places[start])
        return delays[start] * math.exp(along * math.log(delays[after] / delays[start]))

    return of
