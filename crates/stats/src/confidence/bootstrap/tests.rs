//! The bootstrap against one that puts each resample together.

use proptest::prelude::*;

use super::*;
use crate::distribution::Bucket;

const TOPS: usize = 40;

/// An interval: the counts by bucket, where bucket `n` ends at `n`; the count below zero; the count beyond.
type Interval = (Vec<u64>, u64, u64);

fn intervals() -> impl Strategy<Value = Vec<Interval>> {
    let count = || prop_oneof![3 => Just(0_u64), 1 => 0_u64..30];
    let buckets = proptest::collection::vec(count(), TOPS);
    proptest::collection::vec((buckets, count(), count()), 4..20)
}

fn sparse((counts, below_zero, beyond): &Interval) -> Sparse {
    let buckets = (0..).zip(counts).filter(|(_, count)| **count > 0);
    let buckets = buckets.map(|(at, count)| Bucket { from_ns: at, to_ns: at, count: *count });
    Sparse {
        buckets: buckets.collect(),
        below_zero: *below_zero,
        beyond: *beyond,
        shortest_ns: 0,
        longest_ns: 40,
    }
}

/// The level of a percentile in a list of intervals, computed from all their counts.
fn level(chosen: &[&Interval], percentile: Percentile) -> Option<Level> {
    let sum =
        |of: &dyn Fn(&Interval) -> u64| chosen.iter().map(|interval| of(interval)).sum::<u64>();
    let mut counts = vec![sum(&|(_, below_zero, _)| *below_zero)];
    counts.extend((0..TOPS).map(|at| sum(&|(buckets, ..)| buckets[at])));
    counts.push(sum(&|(_, _, beyond)| *beyond));
    let rank = percentile.rank(counts.iter().sum());
    let mut reached = 0;
    counts.iter().position(|count| {
        reached += count;
        reached >= rank
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The ends are those of a bootstrap that puts each resample together and sorts their percentiles,
    /// wherever the search begins.
    #[test]
    fn ends_are_those_of_resamples_put_together(
        run in intervals(),
        parts in 0_u32..=1_000_000,
        near in 0..2 * TOPS,
        seed: u64,
    ) {
        let percentile = Percentile::per_million(parts).unwrap();
        let tops: Vec<_> = (0..40).collect();
        let second = Duration::from_secs(1);
        let mut bootstrap =
            Bootstrap::new(&tops, run.iter().map(sparse), second, seed).unwrap();
        let resamples = bootstrap.places.chunks_exact(bootstrap.blocks).map(|places| {
            let chosen = places.iter().flat_map(|place| &run[*place as usize..][..3]);
            chosen.take(run.len()).collect::<Vec<_>>()
        });
        let mut levels: Vec<_> = resamples.filter_map(|chosen| level(&chosen, percentile)).collect();
        levels.sort_unstable();
        prop_assert_eq!(bootstrap.ends(percentile, near), central(&levels));
    }

    /// The first level that is reached is found wherever it is and wherever the search begins.
    #[test]
    fn the_first_level_that_is_reached_is_found(levels in 1_usize..200, from in 0_usize..220, near in 0_usize..300) {
        let mut asked = 0;
        let found = first(levels, near, |level| {
            asked += 1;
            level >= from
        });
        prop_assert_eq!(found, from.min(levels));
        prop_assert!(asked <= 18, "{}", asked);
    }
}

#[test]
fn blocks_are_three_seconds_or_three_intervals_if_these_are_wider() {
    for (millis, intervals) in [(100, 30), (1_000, 3), (2_000, 3), (60_000, 3), (700, 5)] {
        assert_eq!(block_length(Duration::from_millis(millis)), intervals, "{millis} ms");
    }
}

#[test]
fn blocks_begin_anywhere_and_the_last_is_cut_to_the_length_of_the_run() {
    let blocks = Blocks::new(31, 3).unwrap();
    assert_eq!((blocks.count, blocks.last_length, blocks.places), (11, 1, 29));
    let places = draw(blocks, 1).unwrap();
    assert_eq!(places.len(), 11_000);
    for place in 0..29 {
        // 379 on average; the bounds are six standard deviations away.
        let drawn = places.iter().filter(|drawn| **drawn == place).count();
        assert!((265..=493).contains(&drawn), "{place}: {drawn}");
    }
    assert_eq!(places, draw(blocks, 1).unwrap());
    assert_ne!(places, draw(blocks, 2).unwrap());
    // A schedule of the same seed draws from stream 0.
    let mut schedule = ChaCha8Rng::seed_from_u64(1);
    let same = places
        .iter()
        .filter(|place| u128::from(**place) == (u128::from(schedule.next_u64()) * 29) >> 64);
    assert!(same.count() < 1_000);
}

#[test]
fn a_run_of_one_block_has_no_resamples() {
    let second = Duration::from_secs(1);
    let of =
        |intervals: usize, width| Bootstrap::new(&[], vec![Sparse::default(); intervals], width, 1);
    assert!(of(0, second).is_none());
    assert!(of(3, second).is_none());
    assert!(of(4, second).is_some());
    assert!(of(1_000, Duration::ZERO).is_none());
}

#[test]
fn of_a_thousand_resamples_24_lie_beyond_each_end() {
    let levels: Vec<_> = (0..1_000).collect();
    assert_eq!(central(&levels), Some((24, 975)));
    assert_eq!(central(&levels[..39]), Some((0, 38)));
    assert_eq!(central(&levels[..38]), None);
}

/// A quarter of the resamples contain only the 9 of the last interval; the median of all others that have a
/// value is the 7 of the first.
#[test]
fn one_value_is_enough_for_a_resample() {
    let one = |to_ns| Sparse {
        buckets: vec![Bucket { from_ns: to_ns, to_ns, count: 1 }],
        ..Sparse::default()
    };
    let run = [one(7), Sparse::default(), Sparse::default(), one(9)];
    let mut bootstrap = Bootstrap::new(&[7, 9], run, Duration::from_secs(1), 1).unwrap();
    assert_eq!(bootstrap.ends(Percentile::P50, 1), Some((1, 2)));
}

#[test]
fn resamples_without_values_are_left_out() {
    let mut run = vec![Sparse::default(); 600];
    let second = Duration::from_secs(1);
    let mut empty = Bootstrap::new(&[7], run.clone(), second, 1).unwrap();
    assert_eq!(empty.ends(Percentile::P50, 1), None);
    run[300].buckets = vec![Bucket { from_ns: 0, to_ns: 7, count: 1 }];
    let mut bootstrap = Bootstrap::new(&[7], run, second, 1).unwrap();
    assert_eq!(bootstrap.ends(Percentile::P50, 1), Some((1, 1)));
}
