//! Confidence intervals as a user reads them.

use super::*;
use crate::distribution::Bucket;

const SECOND: Duration = Duration::from_secs(1);
const SEED: u64 = 15;

/// Values from `from` on, 1 us apart, in buckets of 1 us.
fn values(from: u64, count: u64) -> Sparse {
    let bucket = |n: u64| Bucket { from_ns: n * 1_000, to_ns: n * 1_000 + 999, count: 1 };
    Sparse {
        buckets: (from..from + count).map(bucket).collect(),
        shortest_ns: from * 1_000 + 10,
        longest_ns: (from + count - 1) * 1_000 + 10,
        ..Sparse::default()
    }
}

fn short(whole: &Sparse) -> Confidence {
    let span = Span { interval: SECOND, recorded: SECOND * 29 };
    Confidence::new(whole, vec![whole.clone(); 29], span, SEED)
}

fn long(whole: &Sparse, intervals: Vec<Sparse>) -> Confidence {
    let recorded = SECOND * u32::try_from(intervals.len()).unwrap();
    Confidence::new(whole, intervals, Span { interval: SECOND, recorded }, SEED)
}

fn at(nanos: u64) -> Quantile {
    Quantile::At(Duration::from_nanos(nanos))
}

#[test]
fn the_ends_of_a_short_run_are_the_edges_of_the_buckets_of_its_ranks() {
    let whole = values(0, 1_000);
    let ranks = Ranks::of(1_000, Percentile::P50);
    assert_eq!((ranks.lower, ranks.upper), (Some(469), Some(532)));
    let interval = short(&whole).of(Percentile::P50);
    assert_eq!((interval.lower, interval.upper), (Some(at(468_000)), Some(at(531_999))));
    assert!(interval.assumes_independence);
}

#[test]
fn ends_lie_within_the_measured_values() {
    let all_equal = Sparse {
        buckets: vec![Bucket { from_ns: 4_000, to_ns: 4_999, count: 1_000 }],
        shortest_ns: 4_200,
        longest_ns: 4_700,
        ..Sparse::default()
    };
    let interval = short(&all_equal).of(Percentile::P50);
    assert_eq!((interval.lower, interval.upper), (Some(at(4_200)), Some(at(4_700))));
}

#[test]
fn few_values_leave_one_or_both_ends_open() {
    let mut confidence = short(&values(1, 100));
    let interval = confidence.of(Percentile::P99);
    assert!(interval.lower.is_some());
    assert_eq!(interval.upper, None);
    let interval = short(&values(1, 1)).of(Percentile::P50);
    assert_eq!((interval.lower, interval.upper), (None, None));
    let interval = short(&Sparse::default()).of(Percentile::P50);
    assert_eq!((interval.lower, interval.upper), (None, None));
}

#[test]
fn an_end_among_those_below_zero_or_beyond_says_so() {
    let whole = Sparse { below_zero: 1_000, beyond: 1_000, ..values(1, 1_000) };
    let mut confidence = short(&whole);
    let mut of = |parts| confidence.of(Percentile::per_million(parts).unwrap());
    let interval = of(200_000);
    assert_eq!(
        (interval.lower, interval.upper),
        (Some(Quantile::BelowZero), Some(Quantile::BelowZero))
    );
    let interval = of(333_000);
    assert_eq!(interval.lower, Some(Quantile::BelowZero));
    assert!(matches!(interval.upper, Some(Quantile::At(_))));
    let interval = of(667_000);
    assert!(matches!(interval.lower, Some(Quantile::At(_))));
    assert_eq!(interval.upper, None);
    let interval = of(900_000);
    let longest = Duration::from_nanos(whole.longest_ns);
    assert_eq!((interval.lower, interval.upper), (Some(Quantile::Beyond(longest)), None));
}

/// Half of the seconds are fast and half are slow, so the median of another run could be anywhere; ranks
/// alone place it within 1 %.
#[test]
fn seconds_that_differ_make_the_interval_of_a_long_run_wider() {
    let (fast, slow) = (values(0, 1_000), values(1_000, 1_000));
    let mut seconds = vec![fast; 30];
    seconds.extend(vec![slow; 30]);
    let whole = Sparse {
        buckets: (0..2_000)
            .map(|n| Bucket { from_ns: n * 1_000, to_ns: n * 1_000 + 999, count: 30 })
            .collect(),
        longest_ns: 1_999_010,
        ..Sparse::default()
    };
    let interval = long(&whole, seconds).of(Percentile::P50);
    assert!(!interval.assumes_independence);
    let (Some(Quantile::At(lower)), Some(Quantile::At(upper))) = (interval.lower, interval.upper)
    else {
        panic!("two durations, not {interval:?}");
    };
    assert!(lower.as_micros() < 900, "{lower:?}");
    assert!(upper.as_micros() > 1_100, "{upper:?}");
}

/// All seconds are alike, so no resample differs from the run; but its values are few enough to differ.
#[test]
fn seconds_that_are_alike_leave_the_interval_to_the_ranks() {
    let second = values(0, 100);
    let whole = Sparse {
        buckets: second.buckets.iter().map(|bucket| Bucket { count: 30, ..*bucket }).collect(),
        ..second.clone()
    };
    let interval = long(&whole, vec![second; 30]).of(Percentile::P50);
    let ranks = Ranks::of(3_000, Percentile::P50);
    let (lower, upper) = (ranks.lower.unwrap(), ranks.upper.unwrap());
    assert_eq!(interval.lower, Some(at((lower - 1) / 30 * 1_000)));
    assert_eq!(interval.upper, Some(at((upper - 1) / 30 * 1_000 + 999)));
}

/// A stall in which no call was sent: the p99 of a resample without the stall is a value, that of a resample
/// with it is beyond.
#[test]
fn a_resample_whose_percentile_is_beyond_leaves_no_upper_end() {
    let mut seconds = vec![values(0, 1_000); 60];
    seconds[30] = Sparse { beyond: 900, ..values(0, 100) };
    let whole = Sparse {
        buckets: (0..1_000)
            .map(|n| Bucket { from_ns: n * 1_000, to_ns: n * 1_000 + 999, count: 60 })
            .collect(),
        beyond: 900,
        longest_ns: 999_010,
        ..Sparse::default()
    };
    let mut confidence = long(&whole, seconds);
    let interval = confidence.of(Percentile::P99);
    assert!(matches!(interval.lower, Some(Quantile::At(_))), "{interval:?}");
    assert_eq!(interval.upper, None);
    assert!(confidence.of(Percentile::P50).upper.is_some());
}

#[test]
fn seconds_without_calls_do_no_harm() {
    let mut seconds = vec![Sparse::default(); 600];
    seconds[300] = values(0, 10);
    let interval = long(&values(0, 10), seconds.clone()).of(Percentile::P50);
    assert_eq!(interval.lower, Some(at(1_000)));
    let interval = long(&Sparse::default(), vec![Sparse::default(); 600]).of(Percentile::P50);
    assert_eq!((interval.lower, interval.upper), (None, None));
}

#[test]
fn counts_that_no_run_has_do_no_harm() {
    let mut whole = values(0, 3);
    for bucket in &mut whole.buckets {
        bucket.count = u64::MAX / 2;
    }
    let interval = long(&whole, vec![whole.clone(); 60]).of(Percentile::P50);
    assert!(interval.lower.is_some());
}
