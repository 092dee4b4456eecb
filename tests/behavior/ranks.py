"""Order statistics: where the value of a rank has to be if the values are drawn from a law."""

import math
from fractions import Fraction

# The probability on each side of a 99.9 % interval.
OUTSIDE = 0.0005


def rank(count, share):
    """The rank of a percentile, from 1: ceil(n p), in integers."""
    return math.ceil(count * Fraction(share))


def at(ordered, share):
    """The percentile of values in ascending order."""
    return ordered[rank(len(ordered), share) - 1]


def at_least(count, least, p):
    """The probability that at least `least` of `count` independent events of probability p happen."""
    up = least > count * p
    first, step = (least, 1) if up else (least - 1, -1)
    if not 0 <= first <= count:
        return float(not up)
    ways = math.lgamma(count + 1) - math.lgamma(first + 1) - math.lgamma(count - first + 1)
    term = math.exp(ways + first * math.log(p) + (count - first) * math.log1p(-p))
    total, events = 0.0, first
    # The terms only become smaller away from the middle.
    while 0 <= events <= count and term > total * 1e-17:
        total += term
        odds = p / (1 - p)
        term *= (count - events) / (events + 1) * odds if up else events / (count - events + 1) / odds
        events += step
    return total if up else 1 - total


def interval(count, share):
    """The two quantiles of the law between which the percentile of `count` independent values lies in 99.9 %
    of all runs: the value of rank r is at or below the quantile x if at least r values are."""
    place = rank(count, share)
    return tuple(inverted(count, place, probability) for probability in (OUTSIDE, 1 - OUTSIDE))


def inverted(count, place, probability):
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high and high - low > 1e-12:
        low, high = (low, middle) if at_least(count, place, middle) >= probability else (middle, high)
    return high


def check():
    """Asserts known values: the median of three is below x with probability 3 x^2 - 2 x^3."""
    assert math.isclose(at_least(3, 2, 0.1), 0.028), "the median of three is wrong"
    assert math.isclose(at_least(3, 2, 0.9), 0.972), "the median of three is wrong"
    assert math.isclose(at_least(5, 5, 0.5), 1 / 32) and math.isclose(at_least(5, 1, 0.5), 31 / 32)
    low, high = interval(1, "0.5")
    assert math.isclose(low, OUTSIDE, rel_tol=1e-6) and math.isclose(high, 1 - OUTSIDE, rel_tol=1e-6)
    for least in (5, 15, 20, 40):
        exact = sum(math.comb(50, k) * 3**k * 7 ** (50 - k) for k in range(least, 51)) / 10**50
        found = at_least(50, least, 0.3)
        assert math.isclose(found, exact, rel_tol=1e-11), f"{found} instead of {exact} for at least {least} of 50"
