//! The moving-block bootstrap: percentiles of runs that could equally well have happened.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::columns::{Blocks, Columns, LevelColumn};
use super::sparse::{CumulativeCounts, Level, Sparse};
use crate::percentile::Percentile;

const RESAMPLES: usize = 1_000;
/// The rank of each end among a thousand resamples, counted from its own side: 2.5 %.
const TAIL_PER_THOUSAND: usize = 25;
/// The length of a block: calls that are further apart than this time, or than three intervals if these are
/// longer than a second, are taken as independent.
const BLOCK: Duration = Duration::from_secs(3);
const BLOCK_INTERVALS: u128 = 3;
/// Different numbers from those that a schedule draws with the same seed.
const STREAM: u64 = u64::from_be_bytes(*b"resample");

/// Resamples of a run: blocks of successive intervals from anywhere in it, one after another, until they are
/// as long as the run. Within a block, successive calls are as dependent as they were.
///
/// H. R. Künsch, "The Jackknife and the Bootstrap for General Stationary Observations", The Annals of
/// Statistics 17 (1989), no. 3, pp. 1217-1241; the ends are those of the percentile method: B. Efron and R.
/// J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
///
/// No resample is ever put together: the number of its values at a level or below is a sum over its blocks,
/// and a percentile is found by computing that sum for a few levels.
#[derive(Debug)]
pub(super) struct Bootstrap {
    columns: Columns,
    /// Where the blocks begin: all of the first resample, then those of the next.
    places: Vec<u32>,
    blocks: usize,
    /// How many values each resample has, including those below zero and those beyond.
    counts: Vec<u64>,
}

impl Bootstrap {
    /// For a run whose buckets end at `tops`; [`None`] if it has no more intervals than a block.
    pub(super) fn new(
        tops: &[u64],
        intervals: impl IntoIterator<Item = Sparse>,
        interval: Duration,
        seed: u64,
    ) -> Option<Self> {
        let intervals: Vec<_> =
            intervals.into_iter().map(|sparse| CumulativeCounts::new(&sparse)).collect();
        let blocks = Blocks::new(intervals.len(), block_length(interval))?;
        let places = draw(blocks, seed)?;
        let all = LevelColumn::new(intervals.iter().map(CumulativeCounts::count), blocks);
        let counts =
            places.chunks_exact(blocks.count).map(|places| all.in_blocks(places)).collect();
        let columns = Columns::new(tops, intervals, blocks);
        Some(Self { columns, places, blocks: blocks.count, counts })
    }

    /// The levels between which 95 % of the resamples have this percentile. The search begins at `near`, its
    /// level in the run. Resamples without any value have no percentile and are left out; [`None`] if hardly
    /// any are left.
    pub(super) fn ends(&mut self, percentile: Percentile, near: Level) -> Option<(Level, Level)> {
        let resamples = self.places.chunks_exact(self.blocks).zip(&self.counts);
        let columns = &mut self.columns;
        let levels = resamples.filter(|(_, count)| **count > 0).map(|(places, count)| {
            let rank = percentile.rank(*count);
            first(columns.len(), near, |level| columns.at(level).in_blocks(places) >= rank)
        });
        let mut levels: Vec<_> = levels.collect();
        levels.sort_unstable();
        central(&levels)
    }
}

/// The ends of the middle 95 % of a sorted list: the values of rank 2.5 % x (n + 1) from either side, as in
/// A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application" (1997), chapter 5.
fn central(levels: &[Level]) -> Option<(Level, Level)> {
    let tail = ((levels.len() + 1) * TAIL_PER_THOUSAND / 1_000).checked_sub(1)?;
    Some((levels[tail], levels[levels.len() - 1 - tail]))
}

/// How many intervals a block has.
fn block_length(interval: Duration) -> usize {
    let by_time = BLOCK.as_nanos().div_ceil(interval.as_nanos().max(1));
    usize::try_from(by_time.max(BLOCK_INTERVALS)).unwrap_or(usize::MAX)
}

/// Where the blocks of all resamples begin.
fn draw(blocks: Blocks, seed: u64) -> Option<Vec<u32>> {
    let places = u32::try_from(blocks.places).ok()?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(STREAM);
    // With so few places, the bias of taking the remainder of a 64-bit number is negligible.
    let place = || {
        let scaled = (u128::from(random.next_u64()) * u128::from(places)) >> 64;
        u32::try_from(scaled).unwrap_or_default()
    };
    Some(std::iter::repeat_with(place).take(RESAMPLES * blocks.count).collect())
}

/// The first of the given number of levels that is reached, or that number if none is; all levels above it
/// are reached too. Looks near the given level first, then in ever longer strides away from it, and then
/// bisects the rest.
fn first(levels: usize, near: Level, mut is_reached: impl FnMut(Level) -> bool) -> Level {
    let (mut low, mut high) = (0, levels);
    let mut at = near.min(levels.saturating_sub(1));
    let mut stride = 1_usize;
    while low < high {
        if is_reached(at) {
            high = at;
        } else {
            low = at + 1;
        }
        at = if low == 0 {
            high.saturating_sub(stride)
        } else if high == levels {
            low.saturating_add(stride - 1).min(levels - 1)
        } else {
            low.midpoint(high)
        };
        stride = stride.saturating_mul(2);
    }
    low
}

#[cfg(test)]
mod tests;
