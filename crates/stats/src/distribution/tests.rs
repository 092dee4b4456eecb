use hdrhistogram::Histogram;
use proptest::prelude::*;

use super::layout::{BUCKETS, LONGEST_NS, bounds, index_of};
use super::*;

/// Nanoseconds of every magnitude, and some below zero and beyond 24 h.
fn nanos() -> impl Strategy<Value = i64> {
    (0_u32..50, any::<i64>()).prop_map(|(bits, value)| match bits {
        0 => -(value.unsigned_abs() >> 40).cast_signed(),
        _ => value.unsigned_abs().checked_shr(64 - bits).unwrap_or(0).cast_signed(),
    })
}

fn many(most: usize) -> impl Strategy<Value = Vec<i64>> {
    proptest::collection::vec(nanos(), 0..most)
}

fn of(values: &[i64]) -> Distribution {
    let mut distribution = Distribution::default();
    for nanos in values {
        distribution.record(*nanos);
    }
    distribution
}

/// The values that have a bucket.
fn recorded(values: &[i64]) -> Vec<u64> {
    let values = values.iter().filter_map(|nanos| u64::try_from(*nanos).ok());
    values.filter(|nanos| *nanos <= LONGEST_NS).collect()
}

/// The crate's histogram of the values that have a bucket.
fn reference(values: &[i64]) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).unwrap();
    for nanos in recorded(values) {
        histogram.record(nanos).unwrap();
    }
    histogram
}

fn whole_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "the comparison is not exact to 53 bits")]
fn float_of(number: i128) -> f64 {
    number as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A percentile is the value of its rank in the sorted list, to three digits, and never above the longest
    /// value.
    #[test]
    fn a_percentile_is_the_value_of_its_rank(
        mut values in proptest::collection::vec(nanos(), 1..300),
        parts in 0_u32..=1_000_000,
    ) {
        let distribution = of(&values);
        values.sort_unstable();
        let percentile = Percentile::per_million(parts).unwrap();
        let rank = usize::try_from(percentile.rank(values.len() as u64)).unwrap();
        let exact = values[rank - 1];
        match distribution.percentile(percentile).unwrap() {
            Quantile::BelowZero => prop_assert!(exact < 0),
            Quantile::Beyond(longest) => {
                prop_assert!(exact > 86_400_000_000_000);
                prop_assert_eq!(longest, distribution.longest().unwrap_or_default());
            }
            Quantile::At(value) => {
                prop_assert!(Some(value) <= distribution.longest());
                let value = i64::try_from(value.as_nanos()).unwrap();
                prop_assert!(value >= exact && value - exact <= exact / 1_000, "{value} {exact}");
            }
        }
    }

    /// Every bucket, its bounds and its count are those of the crate `hdrhistogram`.
    #[test]
    fn the_buckets_are_those_of_the_crate(values in many(300)) {
        let (distribution, reference) = (of(&values), reference(&values));
        let buckets: Vec<_> = distribution.buckets().collect();
        let expected: Vec<_> = reference.iter_recorded().map(|step| Bucket {
            from_ns: reference.lowest_equivalent(step.value_iterated_to()),
            to_ns: reference.highest_equivalent(step.value_iterated_to()),
            count: step.count_at_value(),
        }).collect();
        prop_assert_eq!(&buckets, &expected);
        for bucket in buckets {
            prop_assert_eq!(bucket.middle_ns(), reference.median_equivalent(bucket.from_ns));
        }
        prop_assert_eq!(BUCKETS, reference.distinct_values());
    }

    /// A value is within the bounds of its bucket, and buckets border on one another.
    #[test]
    fn a_value_is_within_the_bounds_of_its_bucket(bits in 0_u32..47, value in any::<u64>()) {
        let value = (value >> (63 - bits)).min(LONGEST_NS);
        let index = index_of(value);
        let (from, to) = bounds(index);
        prop_assert!(from <= value && value <= to && index < BUCKETS);
        prop_assert!((to - from) * 1_000 < from.max(1_000));
        prop_assert_eq!(bounds(index + 1).0, to + 1);
    }

    /// Merged distributions are the same as one that recorded everything.
    #[test]
    fn merged_is_recorded_in_one(first in many(100), second in many(100)) {
        let mut merged = of(&first);
        merged.merge(&of(&second));
        prop_assert_eq!(merged, of(&[first, second].concat()));
    }

    /// A cleared distribution is like a new one and can be used again; a clone is equal.
    #[test]
    fn cleared_is_new(first in many(100), second in many(100)) {
        let mut used = of(&first);
        prop_assert_eq!(&used.clone(), &used);
        used.clear();
        prop_assert_eq!(&used, &Distribution::default());
        for nanos in &second {
            used.record(*nanos);
        }
        prop_assert_eq!(used, of(&second));
    }

    /// Recording a value n times at once is the same as recording it n times.
    #[test]
    fn recorded_n_times_is_recorded_as_often(values in proptest::collection::vec((nanos(), 0_u64..9), 0..50)) {
        let (mut at_once, mut one_by_one) = (Distribution::default(), Distribution::default());
        for (nanos, count) in values {
            at_once.record_n(nanos, count);
            (0..count).for_each(|_| one_by_one.record(nanos));
        }
        prop_assert_eq!(at_once, one_by_one);
    }

    /// Shortest, longest and mean are those of the values themselves, and no value is lost.
    #[test]
    fn shortest_longest_and_mean_are_exact(values in many(300)) {
        let (distribution, recorded) = (of(&values), recorded(&values));
        prop_assert_eq!(distribution.count(), values.len() as u64);
        prop_assert_eq!(distribution.shortest().map(whole_nanos), recorded.iter().min().copied());
        prop_assert_eq!(distribution.longest().map(whole_nanos), recorded.iter().max().copied());
        let all: Vec<_> = values.iter().filter(|nanos| **nanos <= 86_400_000_000_000).collect();
        let sum: i128 = all.iter().map(|nanos| i128::from(**nanos)).sum();
        match distribution.mean() {
            None => prop_assert!(all.is_empty()),
            Some(mean) => {
                let expected = float_of(sum) / float_of(all.len() as i128);
                prop_assert!((mean - expected).abs() <= expected.abs() * 1e-9 + 1e-3, "{mean} {expected}");
            }
        }
    }

    /// The ranks from 1 to the number of values each have a value, and these never fall; other ranks have
    /// none.
    #[test]
    fn readings_do_not_fall(values in many(20)) {
        let distribution = of(&values);
        let order = |reading| match reading {
            Quantile::BelowZero => (0, Duration::ZERO),
            Quantile::At(duration) => (1, duration),
            Quantile::Beyond(_) => (2, Duration::ZERO),
        };
        let count = distribution.count();
        let readings: Option<Vec<_>> =
            (1..=count).map(|rank| distribution.at_rank(rank).map(order)).collect();
        prop_assert!(readings.is_some_and(|readings| readings.is_sorted()));
        prop_assert_eq!(distribution.at_rank(0), None);
        prop_assert_eq!(distribution.at_rank(count + 1), None);
    }
}

#[test]
fn calls_that_never_ended_are_slower_than_any_value() {
    let mut distribution = of(&[1_000_000; 90]);
    distribution.add_beyond(10);
    let at = |parts| distribution.percentile(Percentile::per_million(parts).unwrap()).unwrap();
    assert_eq!(at(900_000), Quantile::At(Duration::from_millis(1)));
    assert_eq!(at(900_001), Quantile::Beyond(Duration::from_millis(1)));
    assert_eq!(Distribution::default().percentile(Percentile::P50), None);
}

#[test]
fn durations_over_a_day_are_beyond() {
    let day = i64::try_from(LONGEST_NS).unwrap();
    let distribution = of(&[day, day + 1, i64::MAX, i64::MIN]);
    assert_eq!((distribution.beyond(), distribution.below_zero()), (2, 1));
    assert_eq!(distribution.lowest_ns(), i64::MIN);
    assert_eq!(distribution.at_rank(2), Some(Quantile::At(Duration::from_secs(86_400))));
    assert_eq!(distribution.at_rank(3), Some(Quantile::Beyond(Duration::from_secs(86_400))));
}

#[test]
fn nothing_overflows() {
    let mut distribution = Distribution::default();
    let extremes = [i64::MIN, -1, 0, 1, i64::try_from(LONGEST_NS).unwrap(), i64::MAX];
    for _ in 0..3 {
        for nanos in extremes {
            distribution.record_n(nanos, u64::MAX);
            distribution.record(nanos);
        }
        distribution.merge(&distribution.clone());
    }
    assert_eq!((distribution.below_zero(), distribution.beyond()), (MOST, MOST));
    assert_eq!(distribution.count(), 3 * MOST);
    assert!(distribution.buckets().all(|bucket| bucket.count == MOST));
    assert_eq!(distribution.at_rank(MOST), Some(Quantile::BelowZero));
    assert_eq!(distribution.at_rank(MOST + 1), Some(Quantile::At(Duration::ZERO)));
    assert!(distribution.mean().is_some_and(f64::is_finite));
}
