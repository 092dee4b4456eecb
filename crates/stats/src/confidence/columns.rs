//! For each level, the number of values in blocks of intervals that do not exceed it.

use super::sparse::{CumulativeCounts, Level};

/// How intervals form blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    /// How many intervals a block has.
    pub(super) length: usize,
    /// How many intervals the last block of a resample has, which is cut to the run's length.
    pub(super) last_length: usize,
    /// How many blocks a resample has.
    pub(super) count: usize,
    /// At how many places a block can begin.
    pub(super) places: usize,
}

impl Blocks {
    /// Blocks of the given length for a run; [`None`] if there is only one place for a block, so that all
    /// resamples would be the same.
    pub(super) fn new(intervals: usize, length: usize) -> Option<Self> {
        let places = (intervals + 1).checked_sub(length).filter(|places| *places > 1)?;
        let count = intervals.div_ceil(length);
        Some(Self { length, last_length: intervals - (count - 1) * length, count, places })
    }
}

/// One level's counts: how many values of each block lie at the level or below, by the interval with which
/// the block begins.
#[derive(Debug)]
pub(super) struct LevelColumn {
    in_block: Vec<u64>,
    in_last: Vec<u64>,
}

impl LevelColumn {
    /// From the counts of each interval.
    pub(super) fn new(intervals: impl Iterator<Item = u64>, blocks: Blocks) -> Self {
        let mut reached = 0_u64;
        let before = std::iter::once(0).chain(intervals.map(|count| {
            reached = reached.saturating_add(count);
            reached
        }));
        let before: Vec<_> = before.collect();
        let sums = |length: usize| {
            let ends = before.iter().skip(length);
            before.iter().zip(ends).take(blocks.places).map(|(start, end)| end - start).collect()
        };
        Self { in_block: sums(blocks.length), in_last: sums(blocks.last_length) }
    }

    /// The count in the blocks that begin at these places, the last of which is cut.
    pub(super) fn in_blocks(&self, places: &[u32]) -> u64 {
        let Some((last, others)) = places.split_last() else { return 0 };
        let others = others.iter().map(|place| self.in_block[*place as usize]);
        others.fold(self.in_last[*last as usize], u64::saturating_add)
    }
}

/// The columns of all levels up to the last bucket's, each computed when it is first used.
#[derive(Debug)]
pub(super) struct Columns {
    tops: Vec<u64>,
    intervals: Vec<CumulativeCounts>,
    blocks: Blocks,
    /// By level.
    counted: Vec<Option<LevelColumn>>,
}

impl Columns {
    pub(super) fn new(tops: &[u64], intervals: Vec<CumulativeCounts>, blocks: Blocks) -> Self {
        let counted = std::iter::repeat_with(|| None).take(tops.len() + 1).collect();
        Self { tops: tops.to_vec(), intervals, blocks, counted }
    }

    /// The number of columns, which is the level beyond all of them.
    pub(super) fn len(&self) -> usize {
        self.counted.len()
    }

    /// The column of this level.
    pub(super) fn at(&mut self, level: Level) -> &LevelColumn {
        self.counted[level].get_or_insert_with(|| {
            let top = level.checked_sub(1).map(|bucket| self.tops[bucket]);
            LevelColumn::new(self.intervals.iter().map(|counts| counts.up_to(top)), self.blocks)
        })
    }
}
