#!/usr/bin/env python3
"""Computes ranks.txt: SciPy's figures for the ranks of src/confidence/ranks.rs.

A percentile of independent values lies between the values of ranks `lower` and `upper` with a probability of
95 %: if B has the binomial distribution of `count` and `share`, `lower` is the greatest rank with
P(B < lower) <= 2.5 %, and `upper` the least with P(B >= upper) <= 2.5 %. SciPy's quantiles are only a first
guess: the distribution function decides. It needs to be run only once:

    pip install scipy && ./compute.py > ranks.txt
"""

import sys

import scipy
from scipy.stats import binom

TAIL = 0.025
MILLION = 1_000_000
PARTS = (0, 1, 10_000, 250_000, 500_000, 750_000, 900_000, 990_000, 999_000, 999_900, 999_999, MILLION)
# All small counts, round ones and uneven ones.
COUNTS = sorted(
    {*range(1, 41), *range(41, 4_000, 97)}
    | {digit * 10**power for power in range(1, 9) for digit in (1, 2, 5)}
    | {10**9, 3_688, 3_689, 3_690, 368, 369, 6_543, 98_765, 1_234_567, 87_654_321, 987_654_321}
)


def lower(count, share):
    rank = int(binom.ppf(TAIL, count, share))
    while rank > 0 and binom.cdf(rank - 1, count, share) > TAIL:
        rank -= 1
    while rank < count and binom.cdf(rank, count, share) <= TAIL:
        rank += 1
    return max(rank, 0)


def upper(count, share):
    rank = max(int(binom.ppf(1 - TAIL, count, share)) + 1, 1)
    while rank <= count and binom.sf(rank - 1, count, share) > TAIL:
        rank += 1
    while rank > 1 and binom.sf(rank - 2, count, share) <= TAIL:
        rank -= 1
    return rank


def main():
    print(f"# Computed by compute.py with SciPy {scipy.__version__}: count, parts per million, lower and upper rank.")
    print("# A lower rank of 0, or an upper one over the count, means that there is none.")
    for count in COUNTS:
        for parts in PARTS:
            share = parts / MILLION
            print(count, parts, lower(count, share), upper(count, share))


if __name__ == "__main__":
    sys.exit(main())
