//! Ranks against `SciPy`'s and against their definition.

use proptest::prelude::*;

use super::*;

/// See compute.py next to it.
const COMPUTED: &str = include_str!("../../../tests/ranks/ranks.txt");

fn ranks(count: u64, parts: u64) -> Ranks {
    let parts = u32::try_from(parts).unwrap();
    Ranks::of(count, Percentile::per_million(parts).unwrap())
}

#[test]
fn ranks_are_those_that_scipy_computes() {
    let mut compared = 0;
    for line in COMPUTED.lines().filter(|line| !line.starts_with('#')) {
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [count, parts, lower, upper] = numbers[..] else { panic!("four numbers, not {line}") };
        let lower = (lower > 0).then_some(lower);
        let upper = (upper <= count).then_some(upper);
        assert_eq!(ranks(count, parts), Ranks { lower, upper }, "{line}");
        compared += 1;
    }
    assert!(compared > 1_000, "{compared}");
}

/// P(B = k), from logarithms of factorials.
fn probabilities(count: u64, share: f64) -> Vec<f64> {
    let factorial = |k: u64| libm::lgamma(float(k) + 1.0);
    let probability = |k: u64| {
        let ways = factorial(count) - factorial(k) - factorial(count - k);
        libm::exp(ways + float(k) * libm::log(share) + float(count - k) * libm::log(1.0 - share))
    };
    (0..=count).map(probability).collect()
}

proptest! {
    /// The lower rank is the greatest with P(B < rank) at most 2.5 %, and the upper the least with P(B >=
    /// rank) at most that, unless one of the probabilities is 2.5 % to ten digits.
    #[test]
    fn ranks_are_what_their_definition_says(count in 1_usize..300, parts in 1_u64..1_000_000) {
        let probabilities = probabilities(count as u64, float(parts) / 1e6);
        let fewer = |rank: usize| probabilities.iter().take(rank).sum::<f64>();
        let at_least = |rank: usize| probabilities.iter().skip(rank).sum::<f64>();
        let is_clear = |probability: f64| (probability - TAIL).abs() > 1e-10;
        prop_assume!((0..=count).all(|rank| is_clear(fewer(rank)) && is_clear(at_least(rank))));
        let lower = (1..=count).rev().find(|rank| fewer(*rank) <= TAIL).map(|rank| rank as u64);
        let upper = (1..=count).find(|rank| at_least(*rank) <= TAIL).map(|rank| rank as u64);
        prop_assert_eq!(ranks(count as u64, parts), Ranks { lower, upper });
    }

    /// The percentile's own rank lies between the ends, whatever the count.
    #[test]
    fn a_percentile_lies_between_its_ends(
        count in (0_u32..64, any::<u64>()).prop_map(|(bits, count)| count >> bits)
            .prop_filter("seconds in a debug build", |count| !(1 << 30..=SUMMED).contains(count)),
        parts in 0_u64..=1_000_000,
    ) {
        let Ranks { lower, upper } = ranks(count, parts);
        let rank = Percentile::per_million(u32::try_from(parts).unwrap()).unwrap().rank(count);
        prop_assert!(lower.is_none_or(|lower| lower <= rank), "{lower:?} {rank}");
        prop_assert!(upper.is_none_or(|upper| upper >= rank), "{upper:?} {rank}");
    }
}

#[test]
fn both_ways_agree_when_values_are_many() {
    for parts in [1, 10_000, 500_000, 990_000, 999_999] {
        let count = 10_000_000_000;
        let percentile = Percentile::per_million(parts).unwrap();
        let (lower, upper) = Binomial::new(count, percentile).ends();
        let (near_lower, near_upper) = approximate_ends(count, percentile);
        let off = lower.abs_diff(near_lower).max(upper.unwrap().abs_diff(near_upper.unwrap()));
        assert_eq!(off, 0, "{parts}");
    }
}

#[test]
fn no_values_have_no_ends() {
    for parts in [0, 500_000, 1_000_000] {
        assert_eq!(ranks(0, parts), Ranks { lower: None, upper: None });
    }
}

#[test]
fn a_tail_of_exactly_2_5_percent_is_at_most_that() {
    assert_eq!(ranks(1, 25_000).upper, Some(1));
    assert_eq!(ranks(1, 975_000).lower, Some(1));
}
